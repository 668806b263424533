"""How long prompts and answers of a synthetic workload are."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol

from doubletime.lab.workload import lengths
from doubletime.lab.workload.dice import Dice, Stream
from doubletime.lab.workload.formats import format_of
from doubletime.lab.workload.options import Options, distribution, text
from doubletime.lab.workload.readers.common import Reading

_MOST_PAIRS = 200_000  # of a trace that lengths are drawn from

Pair = tuple[int, int]


class Sizes(Protocol):
    """An endless stream of (prompt, output) in tokens."""

    def __call__(self, seed: int) -> Iterator[Pair]: ...


class SizeSpec(NamedTuple):
    """The keys `prompt`, `output`, `more` and `lengths`. `more` is what a later turn adds to the conversation."""

    pairs: Sizes
    more: lengths.Draw | None

    @classmethod
    def take(cls, options: Options) -> SizeSpec:
        more = options.take("more", _maybe, None)
        if not options.has("lengths"):
            prompt = options.take("prompt", distribution, lengths.parse("prompt", "512"))
            output = options.take("output", distribution, lengths.parse("output", "128"))
            return cls(_drawn(prompt, output), more)
        path = Path(options.take("lengths", text, ""))
        for key in ("prompt", "output"):
            if options.has(key):
                raise ValueError(f"{options.kind}: {key} and lengths exclude each other")
        return cls(_from_trace(path), more)


def _maybe(key: str, value: str) -> lengths.Draw | None:
    return distribution(key, value)


def _drawn(prompt: lengths.Draw, output: lengths.Draw) -> Sizes:
    def pairs(seed: int) -> Iterator[Pair]:
        prompts, outputs = Dice(seed, Stream.PROMPT), Dice(seed, Stream.OUTPUT)
        while True:
            yield lengths.whole(prompt, prompts), lengths.whole(output, outputs)

    return pairs


def _from_trace(path: Path) -> Sizes:
    """Prompt and output are drawn together: in real traffic one tells about the other."""
    table = _table(path)

    def pairs(seed: int) -> Iterator[Pair]:
        dice = Dice(seed, Stream.PAIR)
        while True:
            at = 2 * dice.below(len(table) // 2)
            yield table[at], table[at + 1]

    return pairs


def _table(path: Path) -> array[int]:
    """The lengths of the first 200,000 requests: prompt, output, prompt, output …"""
    sessions = format_of(path).read(path, Reading())
    flat = (number for session in sessions for job in session.jobs for number in (job.prompt, job.output))
    table = array("Q", islice(flat, 2 * _MOST_PAIRS))
    if not table:
        raise ValueError(f"lengths={path}: the trace is empty")
    return table
