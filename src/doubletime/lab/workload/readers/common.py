"""What readers share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from doubletime.core.vocabulary import SECOND, Nanoseconds
from doubletime.lab.workload.content import Blocks, Run
from doubletime.lab.workload.job import Session

Encode = Callable[[str], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader may need besides the file. Without `encode` (a tokenizer) lengths of texts are estimated."""

    seed: int = 0
    encode: Encode | None = None


class Reader(Protocol):
    def __call__(self, path: Path, reading: Reading, /) -> Iterator[Session]: ...


@contextmanager
def naming(path: Path, row: int) -> Iterator[None]:
    """A row that lacks a field or holds nonsense is an error that names the place."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError) as error:
        what = f"there is no {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path}: row {row}: {what}") from error


def length(value: Any) -> int:
    """A number of tokens. An empty prompt or answer counts as one token: it was a request all the same."""
    return max(1, int(value))


def nanoseconds(seconds: float) -> Nanoseconds:
    return round(float(seconds) * SECOND)


def blocks(space: int, runs: Sequence[Sequence[int]], key_tokens: int, prompt: int) -> Blocks:
    """Block ids in run-length coding; what reaches past the prompt's last full block is cut off."""
    kept, room = [], prompt // key_tokens
    for first, count in runs:
        if room > 0:
            kept.append(Run(first, min(count, room)))
            room -= count
    return Blocks(space, tuple(kept), key_tokens)
