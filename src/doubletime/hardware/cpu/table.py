"""Measured times on a grid, interpolated in log space around a base formula that carries them beyond it."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import product

from doubletime.hardware.estimate import Basis, Estimate

Base = Callable[..., float]


class LogTable:
    """t(x) = base(x) · exp(r(x)): r is multilinear in log x between the measured points, and constant beyond them.

    `rows` are (x…, seconds). Not every point of the grid needs to have been measured: a missing one takes r from the
    nearest that was. `errors` are relative, on measurements that are not in the table: within the grid, and beyond.
    """

    def __init__(self, rows: Iterable[Sequence[float]], base: Base, errors: tuple[float, float]) -> None:
        measured = {tuple(row[:-1]): float(row[-1]) for row in rows}
        self.axes = tuple(tuple(sorted(set(axis))) for axis in zip(*measured, strict=True))
        self._logs = tuple(tuple(math.log(value) for value in axis) for axis in self.axes)
        self._base = base
        self._errors = errors
        self._measured = {self._index(x): math.log(seconds / base(*x)) for x, seconds in measured.items()}
        self._points: dict[tuple[int, ...], float] = dict(self._measured)

    def seconds(self, *x: float) -> float:
        cells = [self._cell(axis, value) for axis, value in zip(self._logs, x, strict=True)]
        residual = 0.0
        for corner in product(*(((at, 1 - share), (at + 1, share)) if share else ((at, 1.0),) for at, share in cells)):
            weight = math.prod(share for _, share in corner)
            residual += weight * self._residual(tuple(at for at, _ in corner))
        return self._base(*x) * math.exp(residual)

    def estimate(self, *x: float) -> Estimate:
        """With the basis: this very point, between points, or beyond them."""
        inside = all(axis[0] <= value <= axis[-1] for axis, value in zip(self.axes, x, strict=True))
        if not inside:
            return Estimate(self.seconds(*x), self._errors[1], Basis.EXTRAPOLATED)
        known = all(value in axis for axis, value in zip(self.axes, x, strict=True))
        basis = Basis.TABLE if known and self._index(x) in self._measured else Basis.INTERPOLATED
        return Estimate(self.seconds(*x), self._errors[0], basis)

    @staticmethod
    def _cell(axis: tuple[float, ...], value: float) -> tuple[int, float]:
        """Index of the point at or below log `value`, and how far it is to the next one; clamped to the axis."""
        log = math.log(value)
        if log <= axis[0]:
            return 0, 0.0
        if log >= axis[-1]:
            return len(axis) - 1, 0.0
        at = bisect_right(axis, log) - 1
        return at, (log - axis[at]) / (axis[at + 1] - axis[at])

    def _index(self, x: Sequence[float]) -> tuple[int, ...]:
        return tuple(axis.index(value) for axis, value in zip(self.axes, x, strict=True))

    def _residual(self, at: tuple[int, ...]) -> float:
        found = self._points.get(at)
        if found is None:
            nearest = min(self._measured, key=lambda other: (_distance(at, other), other))
            found = self._points[at] = self._measured[nearest]
        return found


def _distance(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """Along the first axis (rows) a step counts double: across matrices of like size times differ less."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) + abs(one[0] - other[0])
