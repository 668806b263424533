"""How long steps with prefill take, learnt from results: least squares that forget."""

from __future__ import annotations

from doubletime.core.policy import Work
from doubletime.core.vocabulary import SECOND, Nanoseconds

_SCALE = (1.0, 1e-3, 1e-7, 1e-1, 1e-5)
"""Brings the features to the same order of magnitude."""
_SIZE = len(_SCALE)
_RIDGE = 1e-5  # of the weight of all that was learnt: what was never seen apart is shared out evenly
_HEAVY = 1e100


class Pace:
    """seconds = a + b·prefill tokens + c·prefill tokens·context + d·decodes + e·decode context.

    The form that DistServe, Splitwise and Mooncake fit. Sums of squares are kept, each step counting `1/forget` times
    as much as the one before, and solved when somebody asks: unlike a recursive update they cannot drift apart. Errors
    count relative to the step's time. No prediction is below a quarter of the fastest step so far. Unknown until `warm`
    steps were seen.
    """

    def __init__(self, warm: int = 8, forget: float = 0.999) -> None:
        self._warm = warm
        self._growth = 1.0 / forget
        self._weight = 1.0  # of the next step
        self._total = 0.0
        self._seen = 0
        self._squares = [[0.0] * _SIZE for _ in range(_SIZE)]
        self._products = [0.0] * _SIZE
        self._least = float("inf")
        self._solution: list[float] | None = None

    @property
    def known(self) -> bool:
        return self._seen >= self._warm

    def learn(self, work: Work, duration: Nanoseconds) -> None:
        """One step took so long."""
        x, y = _features(work), max(duration, 1) / SECOND
        weight = self._weight / y**2
        for i, row in enumerate(self._squares):
            scaled = weight * x[i]
            for j in range(i + 1):
                row[j] += scaled * x[j]
            self._products[i] += scaled * y
        self._total += weight
        self._least = min(self._least, y)
        self._seen += 1
        self._solution = None
        self._weight *= self._growth
        if self._weight > _HEAVY:
            self._shrink()

    def predict(self, work: Work) -> Nanoseconds:
        """Time of one step. Ask only when `known`."""
        if self._solution is None:
            self._solution = _solve(self._squares, self._products, _RIDGE * self._total)
        found = sum(w * v for w, v in zip(self._solution, _features(work), strict=True))
        return int(max(found, self._least / 4) * SECOND)

    def _shrink(self) -> None:
        """The same sums with small weights."""
        factor = 1.0 / self._weight
        self._squares = [[value * factor for value in row] for row in self._squares]
        self._products = [value * factor for value in self._products]
        self._total *= factor
        self._weight = 1.0


def _features(work: Work) -> tuple[float, ...]:
    a, b, c, d, e = _SCALE
    return (
        a,
        work.prefill_tokens * b,
        work.prefill_context * c,
        work.decodes * d,
        work.decode_context * e,
    )


def _solve(lower: list[list[float]], right: list[float], ridge: float) -> list[float]:
    """x of (A + ridge · I) x = right, by Cholesky; `lower` is the lower triangle of A (positive semidefinite)."""
    root = [[0.0] * _SIZE for _ in range(_SIZE)]
    forward = [0.0] * _SIZE
    for i in range(_SIZE):
        for j in range(i):
            root[i][j] = (lower[i][j] - _dot(root[i], root[j], j)) / root[j][j]
        root[i][i] = max(lower[i][i] + ridge - _dot(root[i], root[i], i), ridge * 1e-3) ** 0.5
        forward[i] = (right[i] - _dot(root[i], forward, i)) / root[i][i]
    found = [0.0] * _SIZE
    for i in reversed(range(_SIZE)):
        behind = sum(root[j][i] * found[j] for j in range(i + 1, _SIZE))
        found[i] = (forward[i] - behind) / root[i][i]
    return found


def _dot(left: list[float], right: list[float], count: int) -> float:
    return sum(left[k] * right[k] for k in range(count))
