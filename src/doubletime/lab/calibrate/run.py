"""A log in, a calibration out, with what it explains."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, Protocol

from doubletime.core.log import BadLog, Header, read_log
from doubletime.hardware.calibration import FAMILIES, Calibration
from doubletime.hardware.cost import PlanCost, plan_cost
from doubletime.hardware.layout import Layout
from doubletime.hardware.machine import Machine
from doubletime.lab.calibrate.fit import Posterior, Prior, least_squares
from doubletime.lab.calibrate.knobs import HOST, NAMES, NOISE, calibration, priors
from doubletime.lab.calibrate.recording import steps_of
from doubletime.lab.calibrate.requests import Requests, read_lives
from doubletime.lab.workload.lines import open_text
from doubletime.shapes import POINTS_PER_LAYER, ModelShape

FEWEST = 20  # steps or requests: below, nothing can be told from noise


class Knob(NamedTuple):
    """A fitted value, the machine's own, and how far the value may still be off (one standard deviation)."""

    value: float
    own: float
    spread: float


class Evidence(Protocol):
    """What was measured, against what parameters predict."""

    def __len__(self) -> int: ...
    @property
    def noise(self) -> float: ...  # what a residual is good for
    @property
    def shortest(self) -> float: ...  # seconds of the shortest step

    def residuals(self, at: Sequence[float]) -> list[float]: ...


@dataclass(frozen=True, slots=True)
class Calibrated:
    """`before` and `after`: median absolute error of the evidence, with the machine's own parameters and with these."""

    calibration: Calibration
    source: str  # "steps" or "requests"
    count: int
    before: float
    after: float
    knobs: dict[str, Knob]

    def scales(self) -> dict[str, Knob]:
        """Of the families, as factors."""
        found = {name: self.knobs[name] for name in FAMILIES}
        return {name: Knob(math.exp(knob.value), math.exp(knob.own), knob.spread) for name, knob in found.items()}

    def overheads(self) -> dict[str, Knob]:
        """In seconds."""
        return {name: knob for name, knob in self.knobs.items() if name not in FAMILIES}

    def to_json(self) -> dict[str, Any]:
        learnt = {name: knob._asdict() for name, knob in (self.scales() | self.overheads()).items()}
        about = {"source": self.source, "count": self.count, "error_before": self.before, "error_after": self.after}
        return self.calibration.to_json() | {"about": about | {"parameters": learnt}}


def calibrate(
    path: Path, shape: ModelShape, machine: Machine, layout: Layout, *, rows: int = 2048, overlap: bool = True
) -> Calibrated:
    """Fits to a recording of ours, or to a per-request trace (JSONL, may be gzipped).

    `rows` and `overlap` say how the engine of a trace ran; a recording knows. Raises ValueError where the file is
    neither, or holds too little.
    """
    with open_text(path) as lines:
        source, evidence = _evidence(path, iter(lines), _Setting(shape, machine, layout, rows, overlap))
    if len(evidence) < FEWEST:
        raise ValueError(f"{path} holds {len(evidence)} usable {source}; at least {FEWEST} are needed")
    known = priors(machine.overheads)
    own = [prior.mean for prior in known]
    found = _best(evidence, known)
    before, after = (_typical(evidence.residuals(values)) for values in (own, found.values))
    knobs = dict(zip(NAMES, map(Knob, found.values, own, found.spreads), strict=True))
    return Calibrated(calibration(found.values), source, len(evidence), before, after, knobs)


@dataclass(frozen=True, slots=True)
class _Setting:
    shape: ModelShape
    machine: Machine
    layout: Layout
    rows: int
    overlap: bool

    def cost(self, overlap: bool) -> PlanCost:
        return plan_cost(self.shape, self.machine, self.layout, overlap=overlap)


def _evidence(path: Path, lines: Iterator[str], setting: _Setting) -> tuple[str, Evidence]:
    first = next(lines, "")
    if '"doubletime"' not in first:
        lives = read_lives(chain([first], lines))
        if not lives:
            raise ValueError(f"{path} is empty")
        depth = setting.shape.layers * POINTS_PER_LAYER
        cost = setting.cost(setting.overlap)
        return "requests", Requests(lives, cost, depth, rows=setting.rows)
    log = read_log(chain([first], lines))
    header = next(log)
    assert isinstance(header, Header)
    if header.limits.depth.total != setting.shape.layers * POINTS_PER_LAYER:
        layers = header.limits.depth.layers
        raise BadLog(f"{path} was recorded with a model of {layers} layers; the one named has {setting.shape.layers}")
    return "steps", steps_of(log, setting.cost(header.in_flight > 1))


def _best(evidence: Evidence, known: Sequence[Prior]) -> Posterior:
    """From the machine's own parameters, and from a host so slow that it shows: while hidden it moves nothing."""
    own = [prior.mean for prior in known]
    slow = [*own[:HOST], max(own[HOST], evidence.shortest), *own[HOST + 1 :]]
    return min((_fit(evidence, known, start) for start in (own, slow)), key=lambda each: each.loss)


def _fit(evidence: Evidence, known: Sequence[Prior], start: Sequence[float]) -> Posterior:
    """Once more with what the first fit leaves over: a log that scatters says less."""
    found = least_squares(evidence.residuals, known, evidence.noise, 2 * NOISE, start)
    scatter = max(1.0, _typical(evidence.residuals(found.values)) / NOISE)
    return least_squares(evidence.residuals, known, evidence.noise * scatter, 2 * NOISE, found.values)


def _typical(residuals: Sequence[float]) -> float:
    return median(map(abs, residuals))


def save(found: Calibrated, path: Path) -> None:
    path.write_text(json.dumps(found.to_json(), indent=1) + "\n", encoding="utf-8")
