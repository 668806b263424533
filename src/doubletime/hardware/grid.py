"""A cost that is known at the points of a grid and linear between them. Points are computed when first asked for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import product

from doubletime.hardware.blend import BLENDS
from doubletime.hardware.estimate import Estimate

Price = Callable[..., Estimate]


class Grid:
    """`price(*point)` on the points of 1, 2 or 4 `axes` (each ascending), multilinear between, and beyond the last.

    A closed grid never falls along any axis: each point costs at least what its neighbours below cost (the running
    maximum, which removes what is noise in measured tables). A point of a closed grid costs all points below it, so
    grids of many axes are left open.
    """

    def __init__(self, axes: Sequence[Sequence[float]], price: Price, *, closed: bool = True) -> None:
        self._axes = tuple(tuple(axis) for axis in axes)
        self._price = price
        self._closed = closed
        self._points: dict[tuple[int, ...], Estimate] = {}
        self._cells: dict[int, list[float]] = {}
        self._blend = BLENDS[len(self._axes)]
        self._corners = tuple(corner[::-1] for corner in product((0, 1), repeat=len(self._axes)))

    def at(self, *x: float) -> float:
        """Seconds at any place; below the first point of an axis, as at that point."""
        number, shares = 0, []
        for axis, value in zip(self._axes, x):  # noqa: B905 (a strict zip is slower, and this is the inner loop)
            at = bisect_right(axis, value, 1, len(axis) - 1)
            low = axis[at - 1]
            number = number << 10 | at
            shares.append((value - low) / (axis[at] - low) if value > low else 0.0)
        values = self._cells.get(number)
        if values is None:
            values = self._cells[number] = self._values(x)
        return self._blend(values, shares)

    def _values(self, x: Sequence[float]) -> list[float]:
        """At the corners of the cell that holds `x`; the first axis varies fastest."""
        return [self._point(at).seconds for at in self._around(self._locate(x)[0])]

    def estimate(self, *x: float) -> Estimate:
        """`at(*x)` with the error and basis of the least trusted corner."""
        cell, shares = self._locate(x)
        corners = [
            self._point(at)
            for at, corner in zip(self._around(cell), self._corners, strict=True)
            if all(share > 0 or not up for share, up in zip(shares, corner, strict=True))
        ]
        worst = max(corners, key=lambda corner: (corner.basis, corner.error))
        return worst._replace(seconds=self.at(*x))

    def _locate(self, x: Sequence[float]) -> tuple[tuple[int, ...], list[float]]:
        """The cell that holds `x`, and how far along each axis it lies in it."""
        cell, shares = [], []
        for axis, value in zip(self._axes, x, strict=True):
            at = bisect_right(axis, value, 1, len(axis) - 1) - 1
            low = axis[at]
            cell.append(at)
            shares.append(max(0.0, (value - low) / (axis[at + 1] - low)))
        return tuple(cell), shares

    def _around(self, cell: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [tuple(map(int.__add__, cell, corner)) for corner in self._corners]

    def _point(self, at: tuple[int, ...]) -> Estimate:
        found = self._points.get(at)
        if found is None:
            found = self._price(*(axis[i] for axis, i in zip(self._axes, at, strict=True)))
            if self._closed:
                found = self._raise(found, at)
            self._points[at] = found
        return found

    def _raise(self, found: Estimate, at: tuple[int, ...]) -> Estimate:
        for axis, i in enumerate(at):
            if i:
                below = self._point((*at[:axis], i - 1, *at[axis + 1 :]))
                if below.seconds > found.seconds:
                    found = found._replace(seconds=below.seconds)
        return found


def doubling(first: int, last: int, per_octave: int = 1) -> tuple[int, ...]:
    """Integers from `first` to at least `last`, `per_octave` to each doubling, evenly spaced within it."""
    found: list[int] = []
    low = first
    while low < last:
        found += [low + low * step // per_octave for step in range(per_octave)]
        low *= 2
    return tuple(dict.fromkeys([*found, low]))
