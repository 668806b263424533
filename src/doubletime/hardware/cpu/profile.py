"""The file that `doubletime profile` writes, read and checked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doubletime.hardware.machine import ELEMENT_BYTES

KIND, SCHEMA = "doubletime profile", 1
TABLES = ("linear", "cold", "decode", "plain", "masked")
TERMS = ("begin", "project", "attend", "output", "gate", "down", "route", "experts", "sample")
ENGINE = ("step", "host", "sequence", "layer", "api")

Rows = tuple[tuple[float, ...], ...]
Curve = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """What was measured on one machine; times in seconds.

    `rows`: measured points of each table, the seconds last. `cached`: by bytes of a model, the share of its weights
    that stays in a cache. `fresh`: seconds for a byte of memory that is written for the first time. `terms`:
    coefficients of each operator (see `terms`). `engine`: overheads of the loop.
    `errors`: relative, on held-out measurements, within and beyond the tables; `whole` is that of whole steps.
    """

    machine: dict[str, Any]
    rows: dict[str, Rows]
    peak: float
    cached: Curve
    fresh: float
    terms: dict[str, tuple[float, ...]]
    engine: dict[str, float]
    jitter: float
    errors: dict[str, tuple[float, float]]

    @property
    def name(self) -> str:
        return str(self.machine["name"])

    @property
    def dtype(self) -> str:
        """The number format in which everything was measured."""
        return str(self.machine["dtype"])

    @property
    def bandwidth(self) -> float:
        """Bytes a second of weights that come from memory, in the largest product of one row that was measured."""
        _, n, k, seconds = max((row for row in self.rows["cold"] if row[0] == 1), key=lambda row: row[1] * row[2])
        return n * k * self.element_bytes / seconds

    @property
    def element_bytes(self) -> float:
        return ELEMENT_BYTES[self.dtype]


def read(path: Path) -> Profile:
    """Raises OSError without such a file, ValueError for one that is not a profile, naming the field."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a profile: {error}; `doubletime profile --out FILE` writes one") from error
    if not isinstance(data, dict) or data.get("kind") != KIND:
        raise ValueError(f"{path} is not a profile; `doubletime profile --out FILE` writes one")
    if data.get("schema") != SCHEMA:
        raise ValueError(f"{path} has schema {data.get('schema')}; this version reads {SCHEMA}: profile again")
    try:
        return _profile(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path} is incomplete ({type(error).__name__}: {error}): profile again") from error


def _profile(data: dict[str, Any]) -> Profile:
    return Profile(
        machine={name: data["machine"][name] for name in data["machine"] if data["machine"]["dtype"] in ELEMENT_BYTES},
        rows={name: _rows(data["tables"][name]) for name in TABLES},
        peak=_positive(data["peak"]),
        cached=_curve(data["cached"]),
        fresh=float(data["fresh"]),
        terms={name: tuple(float(value) for value in data["terms"][name]) for name in TERMS},
        engine={name: float(data["engine"][name]) for name in ENGINE},
        jitter=float(data["jitter"]),
        errors={name: (float(pair[0]), float(pair[1])) for name, pair in data["errors"].items()},
    )


def _rows(rows: Any) -> Rows:
    found = tuple(tuple(_positive(value) for value in row) for row in rows)
    if not found or len({len(row) for row in found}) != 1:
        raise ValueError("a table is empty or its rows differ in length")
    return found


def _curve(points: Any) -> Curve:
    found = tuple(sorted((float(x), float(y)) for x, y in points))
    if not found:
        raise ValueError("a curve has no points")
    return found


def _positive(value: Any) -> float:
    number = float(value)
    if not 0 < number < float("inf"):
        raise ValueError(f"{value} is not a number above 0")
    return number
