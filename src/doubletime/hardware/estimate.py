"""An answer of the cost model: a time, how far it may be off, and on what it rests."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Basis(IntEnum):
    """What an estimate rests on, in ascending distrust."""

    TABLE = 0  # this very shape was measured on this machine
    INTERPOLATED = 1  # between shapes that were measured on this machine
    EXTRAPOLATED = 2  # beyond them
    TRANSFERRED = 3  # measured on another machine, scaled by data sheets
    DATASHEET = 4  # nothing but peak numbers


class Estimate(NamedTuple):
    """`error` is relative: the mean absolute error on measurements that the fit had not seen, for this basis."""

    seconds: float
    error: float
    basis: Basis

    def times(self, factor: float) -> Estimate:
        return self._replace(seconds=self.seconds * factor)


def total(parts: list[Estimate]) -> Estimate:
    """The sum of several estimates. Errors are independent; the basis is the least trusted that matters (5 %)."""
    seconds = sum(part.seconds for part in parts)
    if seconds <= 0:
        return Estimate(0.0, 0.0, Basis.TABLE)
    error = sum((part.seconds * part.error) ** 2 for part in parts) ** 0.5 / seconds
    basis = max((part.basis for part in parts if part.seconds >= 0.05 * seconds), default=Basis.TABLE)
    return Estimate(seconds, error, basis)
