"""Takes the slabs of a step through the depth of the model.

The depth is cut where slabs begin and end; between two cuts the same slabs are active, as one batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from doubletime.core.vocabulary import Slab
from doubletime.executors.forward import Forward
from doubletime.executors.ledger import Ledger
from doubletime.executors.stops import Stops
from doubletime.models import State, join


@dataclass(slots=True)
class Bundle:
    """Slabs with the same depth range, their rows side by side."""

    slabs: list[Slab]
    top: int
    bottom: int
    state: State

    def parts(self) -> Iterable[tuple[Slab, State]]:
        first = 0
        for slab in self.slabs:
            yield slab, self.state.take(first, first + slab.tokens)
            first += slab.tokens


class Kept(NamedTuple):
    """The hidden rows of an open slab, at the depth that it has reached."""

    depth: int
    state: State


class Walker:
    """A model's forward pass, and the hidden states of open slabs by sequence."""

    def __init__(self, forward: Forward, ledger: Ledger) -> None:
        self.forward = forward
        self.ledger = ledger
        self.open: dict[int, Kept] = {}

    def walk(self, slabs: Sequence[Slab], stops: Stops) -> tuple[list[Bundle], int | None]:
        """Runs the slabs. Returns those that got through the whole depth, and where it was stopped, or None.

        Slabs that end above full depth, or are stopped on their way, leave their states in `open`.
        """
        self.forward.begin()
        through: list[Bundle] = []
        ranges = _ranges(slabs)
        live: list[Bundle] = []
        for top, bottom in pairwise(sorted({depth for pair in ranges for depth in pair})):
            live += [self._begin(own, *pair) for pair, own in ranges.items() if pair[0] == top]
            reached = self._segment(live, top, bottom, stops) if live else None
            if reached is not None:
                self._keep([bundle for bundle in live if bundle.top < reached], reached)
                return through, reached
            through += self._end([bundle for bundle in live if bundle.bottom == bottom], bottom)
            live = [bundle for bundle in live if bundle.bottom > bottom]
        return through, None

    def _begin(self, slabs: list[Slab], top: int, bottom: int) -> Bundle:
        return Bundle(slabs, top, bottom, self._resume(slabs) if top else self._embed(slabs))

    def _embed(self, slabs: list[Slab]) -> State:
        tokens: list[int] = []
        for slab in slabs:
            tokens += self.ledger.read(slab.seq, slab.start, slab.end)
        return self.forward.embed(tokens)

    def _resume(self, slabs: list[Slab]) -> State:
        return join([self._opened(slab) for slab in slabs])

    def _opened(self, slab: Slab) -> State:
        kept = self.open.get(slab.seq)
        if kept is None or (kept.depth, kept.state.rows) != (slab.top, slab.tokens):
            have = f"{kept.state.rows} rows at depth {kept.depth}" if kept else "no open slab"
            raise LookupError(f"sequence {slab.seq} has {have}; {slab.tokens} at depth {slab.top} were to go on")
        return kept.state

    def _segment(self, live: list[Bundle], top: int, bottom: int, stops: Stops) -> int | None:
        """Operators [top, bottom) over all rows of `live`. Returns the depth at which it was stopped, or None."""
        slabs = [slab for bundle in live for slab in bundle.slabs]
        state, depth = self.forward.run(slabs, join([bundle.state for bundle in live]), top, bottom, stops)
        first = 0
        for bundle in live:
            last = first + bundle.state.rows
            bundle.state, first = state.take(first, last), last
        return depth if depth < bottom else None

    def _end(self, bundles: list[Bundle], depth: int) -> list[Bundle]:
        """Of bundles that end at `depth`: those at full depth; the states of the others are kept."""
        if depth < self.forward.depth:
            self._keep(bundles, depth)
            return []
        for bundle in bundles:
            for slab in bundle.slabs:
                self.open.pop(slab.seq, None)
        return bundles

    def _keep(self, bundles: list[Bundle], depth: int) -> None:
        """Copies, so that a slab does not hold the rows of its whole batch."""
        for bundle in bundles:
            for slab, state in bundle.parts():
                self.open[slab.seq] = Kept(depth, state.copy())


def _ranges(slabs: Sequence[Slab]) -> dict[tuple[int, int], list[Slab]]:
    """Slabs by their depth range."""
    ranges: dict[tuple[int, int], list[Slab]] = {}
    for slab in slabs:
        ranges.setdefault((slab.top, slab.bottom), []).append(slab)
    return ranges
