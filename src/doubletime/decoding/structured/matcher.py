"""Where an output stands in its grammar, and which tokens may come next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from doubletime.decoding.structured.grammar import broken, grammar_of, limits, llguidance
from doubletime.decoding.structured.spec import Structured

_BITS = 32
_TRIED = 4  # tokens of a first walk through a grammar, which finds most that is too expensive before a step does


class Grammar:
    """A grammar compiled for one vocabulary, never changed. Raises ValueError for one that cannot be used."""

    def __init__(self, spec: Structured, tokenizer: Any, eos: frozenset[int]) -> None:
        self.vocab: int = tokenizer.vocab_size
        self.eos = eos
        self._start = llguidance().LLMatcher(tokenizer, grammar_of(spec), log_level=0, limits=limits())
        tried = self.matcher()
        for _ in range(_TRIED):
            (row,) = masks([tried], self.vocab)
            if tried.own.is_error():
                raise ValueError(broken(spec, _reason(tried.own)))
            tried.extend([_first(row)])

    def matcher(self) -> Matcher:
        """One at the start of an output."""
        return Matcher(self._start.deep_copy())


class Matcher:
    """Follows the tokens of one output. After the grammar's end only eos may come, and then nothing is looked at."""

    def __init__(self, own: Any) -> None:
        self.own = own

    def extend(self, tokens: Iterable[int]) -> None:
        """More tokens of the output."""
        for token in tokens:
            if not self.own.is_stopped():
                self.own.consume_token(token)

    @property
    def error(self) -> str:
        """Why no token can be told from another any more; empty if all is well. It never goes away."""
        return f"the grammar failed: {_reason(self.own)}" if self.own.is_error() else ""


def _reason(own: Any) -> str:
    reason = str(own.get_error()).removesuffix("<non-verbose/>").strip()
    return "there is no text that it allows" if reason == "NoExtensionBias" else reason


def masks(matchers: Sequence[Matcher], vocab: int) -> NDArray[np.int32]:
    """Which tokens may come next: a row of bits for each, lowest first, [len(matchers), ceil(vocab / 32)]."""
    rows: NDArray[np.int32] = np.empty((len(matchers), -(-vocab // _BITS)), dtype=np.int32)
    if len(matchers) == 1:
        matchers[0].own.unsafe_compute_mask_ptr(rows.ctypes.data, rows.nbytes)
    else:
        work = [(matcher.own, row) for row, matcher in enumerate(matchers)]
        _threads().unsafe_compute_mask_ptr(work, rows.ctypes.data, rows.strides[0], len(rows))
    return rows


def without(row: NDArray[np.int32], tokens: Sequence[int]) -> None:
    """Forbids some tokens in a row of bits, unless nothing else is allowed."""
    words = row.view(np.uint32)
    rest = words.copy()
    for token in tokens:
        if token < _BITS * len(rest):
            rest[token // _BITS] &= ~np.uint32(1 << token % _BITS)
    if rest.any():
        words[:] = rest


def _first(row: NDArray[np.int32]) -> int:
    """The first token that a row of bits allows."""
    return int(np.unpackbits(row.view(np.uint8), bitorder="little").argmax())


@cache
def _threads() -> Any:
    return llguidance().LLExecutor()
