"""Norms, rotary embeddings, activations: a launch and the bytes moved, as a curve that bends where the cache ends."""

from __future__ import annotations

from typing import Any

from doubletime.hardware.estimate import Basis, Estimate
from doubletime.hardware.machine import Spec
from doubletime.hardware.ops.curve import Curve

LAUNCH = 2.5e-6  # seconds of a small kernel inside a captured graph (RTX tables: 1.9 to 2.8 µs)
EFFICIENCY = 0.7  # of the memory's bandwidth that streaming kernels reach
DATASHEET_ERROR = 0.4


class Elementwise:
    """`scale` stretches sizes: the measured machine's bandwidth over this one's."""

    def __init__(self, curve: Curve, scale: float, inside: float, outside: float) -> None:
        self._curve = curve
        self._scale = scale
        self._inside = inside
        self._outside = outside

    @classmethod
    def from_json(cls, data: dict[str, Any], spec: Spec) -> Elementwise:
        scale = data["bandwidth"] / spec.bandwidth
        curve = Curve.from_json(data, EFFICIENCY * data["bandwidth"])
        return cls(curve, scale, data["inside"], data["outside"])

    def estimate(self, size: float, launches: int = 1) -> Estimate:
        """`size` bytes in all, spread evenly over the launches."""
        seconds, measured = self._curve.read(size / launches * self._scale)
        if measured:
            return Estimate(launches * seconds, self._inside, Basis.INTERPOLATED)
        return Estimate(launches * seconds, self._outside, Basis.EXTRAPOLATED)


def datasheet(size: float, launches: int, spec: Spec) -> Estimate:
    return Estimate(launches * LAUNCH + size / (EFFICIENCY * spec.bandwidth), DATASHEET_ERROR, Basis.DATASHEET)
