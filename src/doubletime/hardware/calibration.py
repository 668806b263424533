"""What a user's own measurements say about a machine: one scale per family of operators, and overheads."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from doubletime.hardware.machine import Overheads

FAMILIES = ("linear", "attention", "experts", "collective", "elementwise")
_OVERHEADS = tuple(field.name for field in fields(Overheads))


@dataclass(frozen=True, slots=True)
class Calibration:
    """Factors on the time of each family of operators; `overheads` replaces those of the machine that it names."""

    linear: float = 1.0
    attention: float = 1.0
    experts: float = 1.0
    collective: float = 1.0
    elementwise: float = 1.0
    overheads: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for family in FAMILIES:
            if not getattr(self, family) > 0:
                raise ValueError(f"the scale of {family} must be above 0, not {getattr(self, family)}")
        for name, seconds in self.overheads.items():
            if name not in _OVERHEADS:
                raise ValueError(f"unknown overhead {name!r}; known: {', '.join(_OVERHEADS)}")
            if seconds < 0:
                raise ValueError(f"the overhead {name} must not be negative, not {seconds}")

    def of(self, overheads: Overheads) -> Overheads:
        """The overheads of a machine with what was measured in their place."""
        return Overheads(**(asdict(overheads) | self.overheads))

    def to_json(self) -> dict[str, Any]:
        return {"doubletime": "calibration", "schema": 1} | asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> Calibration:
        """The inverse of `to_json`. Raises ValueError for anything else."""
        if not isinstance(data, dict) or data.get("doubletime") != "calibration" or data.get("schema") != 1:
            raise ValueError("this is no calibration (of schema 1); `doubletime calibrate LOG --out FILE` writes one")
        known = {name: data[name] for name in (*FAMILIES, "overheads") if name in data}
        return cls(**known)


NEUTRAL = Calibration()


def read_calibration(path: str | Path) -> Calibration:
    """Raises ValueError, naming the file, where it holds no calibration; OSError where there is none."""
    try:
        return Calibration.from_json(json.loads(Path(path).read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error
