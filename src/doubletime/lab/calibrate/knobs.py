"""The parameters of a calibration as a vector, and a step's duration as a function of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from doubletime.hardware.calibration import FAMILIES, Calibration
from doubletime.hardware.explain import Anatomy
from doubletime.hardware.machine import Overheads
from doubletime.lab.calibrate.fit import Prior

NOISE = 0.05  # of a measured time: by how much two that should be equal differ
_SCALE_SPREAD = 0.15  # of the logarithm of a family's scale: what fits of one device miss on another of its kind
_FLOORS = {"step": 1e-4, "host": 1e-3, "sequence": 1e-6, "layer": 1e-5, "api": 5e-3}  # seconds
NAMES = (*FAMILIES, *_FLOORS)
STEP, HOST, SEQUENCE, LAYER, API = range(len(FAMILIES), len(NAMES))


def priors(overheads: Overheads) -> list[Prior]:
    """Scales as logarithms, around 0; overheads in seconds, around the machine's and as uncertain as they are large."""
    scales = [Prior(0.0, _SCALE_SPREAD) for _ in FAMILIES]
    own = [(getattr(overheads, name), floor) for name, floor in _FLOORS.items()]
    return scales + [Prior(mean, max(mean, floor), 0.0) for mean, floor in own]


def seconds(step: Anatomy, at: Sequence[float], *, overlap: bool) -> float:
    """What a step takes with these parameters; see `StepCost`."""
    device = at[SEQUENCE] * step.samples + at[LAYER] * step.launched
    for scale, family in zip(at, FAMILIES, strict=False):
        device += math.exp(scale) * step.families[family]
    return (max(device, at[HOST]) if overlap else device + at[HOST]) + at[STEP]


def calibration(at: Sequence[float]) -> Calibration:
    scales = {family: math.exp(scale) for family, scale in zip(FAMILIES, at, strict=False)}
    return Calibration(**scales, overheads=dict(zip(_FLOORS, at[STEP:], strict=True)))
