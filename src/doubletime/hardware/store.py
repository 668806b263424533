"""The fitted numbers that ship: data/MACHINE/STEM.json, read when needed; of the nearest machine where one has none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from doubletime.hardware.estimate import Basis, Estimate
from doubletime.hardware.specs import NEAREST

DATA = Path(__file__).parent / "data"
TRANSFERRED_ERROR = 0.2  # at least: what fits of one GPU miss on another (docs/design/cost-model.md)

T = TypeVar("T")


class Found(NamedTuple):
    data: dict[str, Any]
    machine: str  # on which it was measured


class Loaded(NamedTuple, Generic[T]):
    """An operator's model, and whether it was fitted to this very machine."""

    model: T
    own: bool

    def judge(self, found: Estimate) -> Estimate:
        """What comes from another machine is no better than transferred."""
        if self.own or found.basis >= Basis.TRANSFERRED:
            return found
        return Estimate(found.seconds, max(found.error, TRANSFERRED_ERROR), Basis.TRANSFERRED)


class Store:
    """What was measured on one machine, or else on the most alike that has it."""

    def __init__(self, machine: str, folder: Path = DATA) -> None:
        self.machine = machine
        self._folder = folder

    def own(self, stem: str) -> dict[str, Any] | None:
        path = self._folder / self.machine / f"{stem}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def find(self, stem: str) -> Found | None:
        """The fit, this machine's own before that of the nearest; None where nobody has it."""
        for machine in (self.machine, *NEAREST.get(self.machine, ())):
            data = Store(machine, self._folder).own(stem)
            if data is not None:
                return Found(data, machine)
        return None


def all_stems(folder: Path = DATA) -> list[str]:
    """Every operator that was fitted on any machine."""
    return sorted({path.stem for path in folder.glob("*/*.json")})
