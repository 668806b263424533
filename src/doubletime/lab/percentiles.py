"""Distributions of many numbers: 8 bytes each, or counted where equal ones come together."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
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
        values = sorted(counts)
        ends = list(accumulate(counts[value] for value in values))
        mean = sum(value * count for value, count in counts.items()) / ends[-1]
        found = {"mean": mean} | {name: _percentile(values, ends, share) for name, share in POINTS.items()}
        return {name: round(value / 1e9, 9) for name, value in (found | {"max": values[-1]}).items()}


def _percentile(values: list[int], ends: list[int], share: float) -> float:
    """`ends[i]`: how many of all numbers are at most `values[i]`. The rank is share × (count − 1), counted from 0."""
    rank = share * (ends[-1] - 1)
    below = int(rank)
    low = values[bisect_right(ends, below)]
    high = values[bisect_right(ends, min(below + 1, ends[-1] - 1))]
    return low + (high - low) * (rank - below)
