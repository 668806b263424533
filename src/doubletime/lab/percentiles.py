"""Distributions of many numbers: 8 bytes each, or counted where equal ones come together."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

POINTS = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}

Summary = dict[str, float]


class Tally:
    """Numbers with how often each came. Nanoseconds in, seconds out."""

    __slots__ = ("_counts", "_singles")

    def __init__(self) -> None:
        self._singles = array("q")
        self._counts: Counter[int] = Counter()

    def add(self, value: int, times: int = 1) -> None:
        if times == 1:
            self._singles.append(value)
        else:
            self._counts[value] += times

    def __len__(self) -> int:
        return len(self._singles) + self._counts.total()

    def summary(self) -> Summary | None:
        """Mean, percentiles (linear interpolation between ranks) and maximum in seconds; None of nothing."""
        counts = Counter(self._singles) + self._counts
        if not counts:
            return None
        values, ends = _ranked(counts)
        mean = sum(value * count for value, count in counts.items()) / ends[-1]
        found = {"mean": mean} | {name: _percentile(values, ends, share) for name, share in POINTS.items()}
        return {name: round(value / 1e9, 9) for name, value in (found | {"max": values[-1]}).items()}

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """The percentile of each share (0 to 1) in seconds, interpolated like those of `summary`; [] of nothing."""
        counts = Counter(self._singles) + self._counts
        if not counts:
            return []
        values, ends = _ranked(counts)
        return [_percentile(values, ends, share) / 1e9 for share in shares]

    def share_within(self, limit: int) -> float | None:
        """The share of the numbers that are at most `limit`; None of nothing."""
        if not len(self):
            return None
        within = sum(value <= limit for value in self._singles)
        within += sum(count for value, count in self._counts.items() if value <= limit)
        return within / len(self)


def _ranked(counts: Counter[int]) -> tuple[list[int], list[int]]:
    """The values in ascending order, and how many of all numbers are at most each."""
    values = sorted(counts)
    return values, list(accumulate(counts[value] for value in values))


def _percentile(values: list[int], ends: list[int], share: float) -> float:
    """`ends[i]`: how many of all numbers are at most `values[i]`. The rank is share × (count − 1), counted from 0."""
    rank = share * (ends[-1] - 1)
    below = int(rank)
    low = values[bisect_right(ends, below)]
    high = values[bisect_right(ends, min(below + 1, ends[-1] - 1))]
    return low + (high - low) * (rank - below)
