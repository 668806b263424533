"""One fitted operator: a smooth roofline as the base, times a learned residual, with its held-out errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from doubletime.hardware.estimate import Basis, Estimate
from doubletime.hardware.trees import Trees


@dataclass(frozen=True, slots=True)
class Fit:
    """`constants` of the base; `low` and `high` bound each feature over the measurements (the box that is inside).

    `inside` and `outside` are mean absolute relative errors on held-out measurements, in the box and beyond it.
    Beyond the box features are clamped to it, so that only the base extrapolates.
    """

    constants: tuple[float, ...]
    trees: Trees
    low: tuple[float, ...]
    high: tuple[float, ...]
    inside: float
    outside: float

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Fit:
        return cls(
            tuple(data["constants"]),
            Trees.from_json(data["trees"]),
            tuple(data["low"]),
            tuple(data["high"]),
            data["inside"],
            data["outside"],
        )

    def estimate(self, base: float, features: Sequence[float]) -> Estimate:
        """`base` seconds of the roofline, corrected: base · exp(residual(features))."""
        clamped = [min(max(x, low), high) for x, low, high in zip(features, self.low, self.high, strict=True)]
        seconds = base * math.exp(self.trees.predict(clamped))
        if clamped == list(features):
            return Estimate(seconds, self.inside, Basis.INTERPOLATED)
        return Estimate(seconds, self.outside, Basis.EXTRAPOLATED)


def smooth_max(*times: float, p: float) -> float:
    """The p-norm: max() with a round corner. Near the ridge of a roofline neither resource is used alone."""
    return float(sum(time**p for time in times) ** (1 / p))
