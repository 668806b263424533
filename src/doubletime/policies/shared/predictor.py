"""A predictor of step time that learns only from recorded results, so it is the same in real and virtual time."""

from __future__ import annotations

from doubletime.core.policy import Served, Work
from doubletime.core.vocabulary import SECOND, Nanoseconds

_SCALE = (1.0, 1e-2, 1e-5, 1e-1, 1e-4)
"""Brings the features to the same order of magnitude."""


class StepTime:
    """Recursive least squares with forgetting over the features of `Work`.

    seconds = a + b·prefill tokens + c·prefill tokens·context + d·decodes + e·decode context, the form that
    DistServe, Splitwise and Mooncake fit (each with its own constants). Unknown until `warm` steps were seen.
    """

    def __init__(self, warm: int = 8, forget: float = 0.995) -> None:
        self.seen = 0
        self._warm = warm
        self._forget = forget
        size = len(_SCALE)
        self._weights = [0.0] * size
        self._p = [[1e3 if i == j else 0.0 for j in range(size)] for i in range(size)]

    @property
    def known(self) -> bool:
        return self.seen >= self._warm

    def learn(self, report: Served) -> None:
        """One update with the mean of the reported steps. Stopped steps are left out: their time is not all work."""
        if report.stopped or not report.steps:
            return
        x = _features(report.work, report.steps)
        error = report.duration / report.steps / SECOND - self._dot(x)
        px = [sum(p * v for p, v in zip(row, x, strict=True)) for row in self._p]
        gain = 1.0 / (self._forget + sum(v * w for v, w in zip(x, px, strict=True)))
        self._weights = [w + gain * v * error for w, v in zip(self._weights, px, strict=True)]
        self._p = [
            [min((p - gain * a * b) / self._forget, 1e6) for p, b in zip(row, px, strict=True)]
            for row, a in zip(self._p, px, strict=True)
        ]
        self.seen += 1

    def predict(self, work: Work) -> Nanoseconds:
        """Time of one step, never negative. Ask only when `known`."""
        return max(0, int(self._dot(_features(work, 1)) * SECOND))

    def _dot(self, x: tuple[float, ...]) -> float:
        return sum(w * v for w, v in zip(self._weights, x, strict=True))


def _features(work: Work, steps: int) -> tuple[float, ...]:
    raw = (steps, work.prefill_tokens, work.prefill_context, work.decodes, work.decode_context)
    return tuple(value * scale / steps for value, scale in zip(raw, _SCALE, strict=True))
