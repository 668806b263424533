"""Where the seconds of a step go, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from doubletime.hardware.estimate import Basis, Estimate, total

OVERHEAD_ERROR = 0.3  # how much overheads differ between two hosts with the same device


class Share(NamedTuple):
    """One operator's part of a step, all layers together. `error` is relative."""

    name: str
    seconds: float
    error: float
    basis: Basis

    @property
    def estimate(self) -> Estimate:
        return Estimate(self.seconds, self.error, self.basis)


class Anatomy(NamedTuple):
    """What a calibration weighs: seconds by family of operators, rows that sample, layers that nothing captured."""

    families: dict[str, float]
    samples: int
    launched: float


class Shares:
    """Adds up parts by name, in order of first appearance. Errors of one operator are one error in every layer."""

    def __init__(self) -> None:
        self._found: dict[str, Share] = {}

    def add(self, name: str, part: Estimate) -> None:
        if part.seconds <= 0:
            return
        had = self._found.get(name)
        if had is None:
            self._found[name] = Share(name, *part)
            return
        seconds = had.seconds + part.seconds
        error = (had.seconds * had.error + part.seconds * part.error) / seconds
        self._found[name] = Share(name, seconds, error, max(had.basis, part.basis))

    def overhead(self, name: str, seconds: float) -> None:
        self.add(name, Estimate(seconds, OVERHEAD_ERROR, Basis.INTERPOLATED))

    def list(self) -> list[Share]:
        return list(self._found.values())


def together(steps: Iterable[Iterable[Share]]) -> Estimate:
    """The time of several steps: what is wrong about an operator is wrong in all of them."""
    shares = Shares()
    for step in steps:
        for share in step:
            shares.add(share.name, share.estimate)
    return total([share.estimate for share in shares.list()])
