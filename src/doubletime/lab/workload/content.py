"""What a prompt consists of, as far as it matters: which of its blocks are the same as which others'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from typing import NamedTuple, Protocol
from zlib import crc32

from doubletime.core.rng import mix
from doubletime.decoding.keys import KeyChain

KEY_TOKENS = 16
_MASK = (1 << 128) - 1
_ODD = 0xDA942042E4DD58B5A6F0C1E1B5DC11F3  # odd: multiplication modulo 2**128 is a bijection
_BYTES_A_TOKEN = 4  # of English text, about


class Content(Protocol):
    """Key i stands for the first (i + 1) * key_tokens tokens: equal keys, equal prefix."""

    @property
    def key_tokens(self) -> int: ...

    def keys(self, length: int) -> tuple[int, ...]:
        """128-bit keys of the blocks that the first `length` tokens fill, as far as they are known."""
        ...


class Run(NamedTuple):
    """`blocks` consecutive block ids, as traces write them: equal ids stand for equal prefixes up to there."""

    first: int
    blocks: int


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks by their ids in a `space` of ids (a file, or a session where its ids are local)."""

    space: int
    runs: tuple[Run, ...]
    key_tokens: int = KEY_TOKENS

    def keys(self, length: int) -> tuple[int, ...]:
        ids = chain.from_iterable(range(first, first + blocks) for first, blocks in self.runs)
        base = mix(self.space) << 64 | mix(self.space + 1)
        return tuple([(base + block * _ODD) & _MASK for block in islice(ids, length // self.key_tokens)])


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys as a recording of ours has them."""

    values: tuple[int, ...]
    key_tokens: int

    def keys(self, length: int) -> tuple[int, ...]:
        return self.values[: length // self.key_tokens]


@dataclass(frozen=True)
class Tokens:
    """Known token ids (or what stands for them); the keys are those that the engine itself would compute."""

    ids: tuple[int, ...]
    key_tokens: int = KEY_TOKENS

    def keys(self, length: int) -> tuple[int, ...]:
        return self._all[: length // self.key_tokens]

    @cached_property
    def _all(self) -> tuple[int, ...]:
        return KeyChain(self.key_tokens).extend(self.ids)


def pseudo_tokens(text: str) -> list[int]:
    """Stand-ins for tokens where there is no tokenizer: one for every 4 bytes. Equal prefixes stay equal prefixes."""
    data = text.encode()
    return [crc32(data[at : at + _BYTES_A_TOKEN]) >> 1 for at in range(0, len(data), _BYTES_A_TOKEN)]


def runs_of(ids: Sequence[int]) -> tuple[Run, ...]:
    """Run-length coding of block ids."""
    runs: list[Run] = []
    for block in ids:
        if runs and block == runs[-1].first + runs[-1].blocks:
            runs[-1] = Run(runs[-1].first, runs[-1].blocks + 1)
        else:
            runs.append(Run(block, 1))
    return tuple(runs)
