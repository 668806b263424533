"""The operators that have a measured table of their own: matrix products, and attention of decodes and of prefills.

Products have two tables: with their weights in a cache, and with weights that come from memory. Where between the two
a model is depends on how many bytes its step reads: a small one stays in the cache.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache

from doubletime.hardware.cpu.profile import Profile
from doubletime.hardware.cpu.table import LogTable
from doubletime.hardware.cpu.work import Part
from doubletime.hardware.estimate import Estimate

CALL = 2e-6  # seconds: the floor under the base formulas, about one call of an operator
_EXP, _GATHER, _DOT = 3e-9, 6e-10, 1.2e-10  # seconds: a score's softmax, an element gathered, one multiplied

Curve = Sequence[tuple[float, float]]


class Kernels:
    """Times on the machine of a profile, in seconds."""

    def __init__(self, profile: Profile) -> None:
        peak = profile.peak
        self.element = profile.element_bytes
        self._cached = profile.cached

        def linear(m: float, n: float, k: float) -> float:
            return CALL + 2 * m * n * k / peak

        def from_memory(m: float, n: float, k: float) -> float:
            return linear(m, n, k) + n * k * self.element / profile.bandwidth

        def decode(count: float, length: float, group: float, dim: float) -> float:
            elements = count * length * dim
            return 10 * CALL + elements * (_GATHER + group * _DOT) + count * group * length * _EXP

        def plain(rows: float, heads: float, dim: float) -> float:
            return 5 * CALL + heads * rows * rows * (2 * dim / peak + _EXP / 4)

        def masked(rows: float, cached: float, heads: float, dim: float) -> float:
            return 5 * CALL + heads * rows * (rows + cached) * (4 * dim / peak + _EXP / 2)

        self.linears = LogTable(profile.rows["linear"], linear, profile.errors["linear"])
        self.colds = LogTable(profile.rows["cold"], from_memory, profile.errors["linear"])
        self.decodes = LogTable(profile.rows["decode"], decode, profile.errors["attention"])
        self.plains = LogTable(profile.rows["plain"], plain, profile.errors["attention"])
        self.masked = LogTable(profile.rows["masked"], masked, profile.errors["attention"])
        self.linear = lru_cache(65536)(self._linear)
        self.parts = lru_cache(65536)(self._parts)
        self.decode = lru_cache(65536)(self._decode)
        self.prefill = lru_cache(65536)(self._prefill)

    def _linear(self, m: int, n: int, k: int, footprint: float) -> Estimate:
        """[m, k] · [k, n] in a model whose steps read `footprint` bytes of weights."""
        hot, cold = self.linears.estimate(m, n, k), self.cold(footprint)
        if not cold:
            return hot
        far = self.colds.estimate(m, n, k)
        seconds = hot.seconds + cold * max(0.0, far.seconds - hot.seconds)
        return Estimate(seconds, max(hot.error, far.error), max(hot.basis, far.basis))

    def _parts(self, m: int, n: int, k: int, footprint: float) -> tuple[float, float]:
        """Seconds of `linear`: with weights in a cache, and what is added because they are not."""
        hot = self.linears.seconds(m, n, k)
        return hot, max(0.0, self.linear(m, n, k, footprint).seconds - hot)

    def cold(self, footprint: float) -> float:
        """The share of the weights of a model of that many bytes that comes from memory in every step."""
        return 1 - _along(self._cached, footprint)

    def _decode(self, count: int, length: int, heads: int, kv_heads: int, dim: int) -> Estimate:
        """A bucket of `count` decodes, each padded to `length`."""
        return self.decodes.estimate(count * kv_heads, length, heads // kv_heads, dim)

    def _prefill(self, part: Part, heads: int, dim: int) -> Estimate:
        if part.plain:
            return self.plains.estimate(part.rows, heads, dim)
        return self.masked.estimate(part.rows, max(1, part.keys - part.rows), heads, dim)


def _along(curve: Curve, x: float) -> float:
    """A measured curve, linear in log x, constant beyond its ends."""
    at = bisect_right([point for point, _ in curve], x)
    if at == 0 or at == len(curve):
        return curve[min(at, len(curve) - 1)][1]
    (low, below), (high, above) = curve[at - 1], curve[at]
    return below + (above - below) * math.log(x / low) / math.log(high / low)
