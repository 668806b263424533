"""Counts by size, as Prometheus keeps them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(slots=True)
class Histogram:
    """`counts[i]` values are in (edges[i - 1], edges[i]]; the last count is of those above every edge."""

    edges: tuple[float, ...]
    counts: list[int]
    sum: float = 0.0

    @classmethod
    def of(cls, *edges: float) -> Histogram:
        """An empty one; edges in ascending order."""
        return cls(edges, [0] * (len(edges) + 1))

    def add(self, value: float, times: int = 1) -> None:
        self.counts[bisect_left(self.edges, value)] += times
        self.sum += value * times

    @property
    def count(self) -> int:
        return sum(self.counts)

    def cumulative(self, edges: Sequence[float] | None = None) -> list[tuple[float, int]]:
        """How many values are at most as large as each edge; `edges` may be some of its own. Exact."""
        upto = dict(zip(self.edges, accumulate(self.counts), strict=False))
        return [(edge, upto[edge]) for edge in (self.edges if edges is None else edges)]

    def copy(self) -> Histogram:
        return Histogram(self.edges, list(self.counts), self.sum)
