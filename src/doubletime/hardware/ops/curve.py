"""Seconds over bytes as a few points, straight between them on logarithmic axes."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Any, NamedTuple


class Reading(NamedTuple):
    seconds: float
    measured: bool  # within the sizes that were measured


class Curve:
    """`sizes` in bytes, ascending, with `seconds` that do not fall.

    Below the first point time is constant; beyond the last it grows at `bandwidth`, or else at that of the last two.
    """

    def __init__(self, sizes: list[float], seconds: list[float], bandwidth: float | None = None) -> None:
        self._sizes = [math.log(size) for size in sizes]
        self._seconds = [math.log(time) for time in seconds]
        self._largest, self._last = sizes[-1], seconds[-1]
        self._slope = 1 / bandwidth if bandwidth else (seconds[-1] - seconds[-2]) / (sizes[-1] - sizes[-2])

    @classmethod
    def from_json(cls, data: dict[str, Any], bandwidth: float | None = None) -> Curve:
        return cls(data["bytes"], data["seconds"], bandwidth)

    def read(self, size: float) -> Reading:
        if size > self._largest:
            return Reading(self._last + (size - self._largest) * self._slope, False)
        at = math.log(max(size, 1.0))
        right = bisect_right(self._sizes, at)
        if right == 0:
            return Reading(math.exp(self._seconds[0]), True)
        if right == len(self._sizes):
            return Reading(self._last, True)
        share = (at - self._sizes[right - 1]) / (self._sizes[right] - self._sizes[right - 1])
        return Reading(math.exp(self._seconds[right - 1] * (1 - share) + self._seconds[right] * share), True)
