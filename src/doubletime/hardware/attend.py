"""Attention of one kind of layer as tables: pure decodes, pure prefill, and both in one call."""

from __future__ import annotations

import math
from typing import NamedTuple

from doubletime.hardware.estimate import Estimate
from doubletime.hardware.grid import Grid, doubling
from doubletime.hardware.machine import AttentionBatch
from doubletime.hardware.price import Pricer
from doubletime.shapes.operators import Attend

MOST_COUNT, MOST_TOKENS = 4096, 1 << 20  # beyond them the last slope goes on
HALF_OCTAVES = tuple(2.0 ** (i / 2) for i in range(2 * MOST_TOKENS.bit_length()))
_COUNTS = (1, 2, 3, *doubling(4, MOST_COUNT, 2))
_CHUNKS = (1, 2, 3, *doubling(4, 1 << 17, 2))
_CACHED = (0, *doubling(64, MOST_TOKENS))
_FOURS = tuple(4**i for i in range(MOST_TOKENS.bit_length() // 2 + 1))
_MIXED = ((1, *doubling(16, 1 << 17)), (0, *_FOURS[4:]), _FOURS[:7], (1, *_FOURS[2:]))
_SPREAD = 2.0  # the longest context of a batch over the mean, as conversations have it; a step knows only the sum


class Batch(NamedTuple):
    """What attention needs to know of a step, as running sums. Decodes read `read` tokens in all, their own included.

    Over the prefill chunks, of c tokens after s cached ones: `tokens` is the sum of c, `squares` of c², `cached` of
    c · s. These stand for equal chunks of squares / tokens after cached / tokens: as many tokens, and as many pairs of
    query and key, c (s + c / 2), as the true ones have.
    """

    decodes: int = 0
    read: int = 0
    tokens: int = 0
    squares: int = 0
    cached: int = 0

    def of_one(self, ranks: int, chunks: int) -> Batch:
        """The part of the fullest of several data-parallel ranks: decodes are shared out, a chunk goes to one rank."""
        decodes, busy = -(-self.decodes // ranks), max(1, min(ranks, chunks))
        read = self.read * decodes // self.decodes if decodes else 0
        tokens, squares, cached = (-(-value // busy) for value in self[2:])
        return Batch(decodes, read, tokens, squares, cached)


class AttentionTable:
    """Seconds of one call. A batch counts as if its sequences were equal; the mean is clipped to the layer's window."""

    def __init__(self, operator: Attend, pricer: Pricer) -> None:
        self._operator = operator
        self._window = operator.window or math.inf
        self._pricer = pricer
        self._decodes = Grid((_COUNTS, HALF_OCTAVES), self._price_decodes)
        self._prefills: dict[int, Grid] = {}
        self._mixed: dict[int, Grid] = {}

    def decodes(self, count: int, mean: float) -> float:
        """`count` sequences that read `mean` tokens each."""
        return self._decodes.at(count, mean)

    def seconds(self, batch: Batch) -> float:
        if not batch.tokens:
            return self.decodes(batch.decodes, batch.read / batch.decodes) if batch.decodes else 0.0
        grid, point, factor = self._place(batch)
        return grid.at(*point) * factor

    def estimate(self, batch: Batch) -> Estimate:
        """`seconds(batch)` with its error and basis."""
        if not batch.tokens:
            return self._decodes.estimate(batch.decodes, batch.read / batch.decodes)
        grid, point, factor = self._place(batch)
        return grid.estimate(*point).times(factor)

    def _place(self, batch: Batch) -> tuple[Grid, tuple[float, ...], float]:
        """The grid of about so many chunks, the place in it, and how often it stands for them."""
        decodes, read, tokens, squares, cached = batch
        length, start = squares / tokens, min(cached / tokens, self._window)
        chunks = tokens / length
        near = 1
        while chunks > 2 * near:
            near *= 4
        factor = chunks / near
        if not decodes:
            return self._prefill_grid(near), (length, start), factor
        return self._mixed_grid(near), (length, start, decodes / factor, min(read / decodes, self._window)), factor

    def _prefill_grid(self, chunks: int) -> Grid:
        if chunks not in self._prefills:
            self._prefills[chunks] = Grid(
                (_CHUNKS, _CACHED), lambda length, start: self._price(((round(length), start),) * chunks)
            )
        return self._prefills[chunks]

    def _mixed_grid(self, chunks: int) -> Grid:
        """Never less than its prefill or its decodes alone. Coarse, because a closed grid asks for all points below."""
        if chunks not in self._mixed:
            prefill = self._prefill_grid(chunks)

            def price(length: float, start: float, count: float, mean: float) -> Estimate:
                found = self._price(((round(length), round(start)),) * chunks, round(count), mean)
                least = max(prefill.at(length, start), self._decodes.at(count, mean))
                return found if found.seconds >= least else found._replace(seconds=least)

            self._mixed[chunks] = Grid(_MIXED, price)
        return self._mixed[chunks]

    def _price_decodes(self, count: float, mean: float) -> Estimate:
        return self._price((), round(count), mean)

    def _price(self, prefills: tuple[tuple[int, int], ...], count: int = 0, mean: float = 0.0) -> Estimate:
        mean = min(mean, self._window)
        longest = min(_SPREAD * mean, self._window) if count > 1 else mean
        batch = AttentionBatch(prefills, count, round(count * mean), math.ceil(longest))
        return self._pricer.attend(self._operator, batch)
