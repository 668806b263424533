"""How wrong the profile is on what it was not fitted to: points between and beyond those of a table, other models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import mean

import torch

from doubletime.engine.profile import kernels as measure
from doubletime.engine.profile.fit import Observed
from doubletime.engine.profile.steps import StepTimes
from doubletime.engine.profile.subjects import Config, shape_of
from doubletime.hardware.cpu.kernels import Kernels
from doubletime.hardware.cpu.table import LogTable
from doubletime.hardware.cpu.terms import Features, dot
from doubletime.shapes import ModelShape

Seen = tuple[Config, list[StepTimes], Observed]
Terms = dict[str, tuple[float, ...]]

INSIDE = ((1, 300, 700), (2, 128, 1500), (5, 400, 400), (10, 700, 256), (20, 96, 800), (80, 900, 300), (300, 300, 1400))
BEYOND = ((1, 48, 4096), (8, 5000, 48), (100, 2816, 1024), (1500, 256, 600))


def table_errors(kernels: Kernels, dtype: torch.dtype, rounds: int) -> dict[str, tuple[float, float]]:
    """Mean absolute relative errors of the tables, on new points within and beyond them."""
    linear = [
        _off(kernels.linears, measure.linear_points(dtype, points, rounds))
        + _off(kernels.colds, measure.cold_points(dtype, points, rounds))
        for points in (INSIDE, BEYOND)
    ]
    inside = _off(
        kernels.decodes, measure.decode_points(dtype, ((6, 100, 2, 96), (24, 180, 3, 48), (2, 700, 4, 64)), rounds)
    )
    inside += _off(kernels.plains, measure.plain_points(dtype, ((48, 4, 48), (200, 6, 96)), rounds))
    inside += _off(kernels.masked, measure.masked_points(dtype, ((24, 300, 4, 48), (90, 700, 6, 96)), rounds))
    beyond = _off(kernels.decodes, measure.decode_points(dtype, ((96, 200, 2, 64), (2, 1500, 2, 160)), rounds))
    beyond += _off(kernels.plains, measure.plain_points(dtype, ((700, 4, 64),), rounds))
    return {"linear": (mean(linear[0]), mean(linear[1])), "attention": (mean(inside), mean(beyond))}


def _off(table: LogTable, rows: Sequence[measure.Row]) -> list[float]:
    return [abs(table.seconds(*row[:-1]) / row[-1] - 1) for row in rows]


def whole_errors(seen: list[Seen], terms_of: Callable[[list[Seen]], Terms]) -> tuple[float, float]:
    """Of whole steps of a model whose steps were left out of the fit: the mean over models, and the worst of them."""
    errors = []
    for at, (own, times, observed) in enumerate(seen):
        rest = terms_of(seen[:at] + seen[at + 1 :])
        everything = terms_of(seen)
        known = {name: found or everything[name] for name, found in rest.items()}  # of the only model that has it
        predicted = _predicted(shape_of(own), observed, known)
        real = [one.begin + sum(one.operators) + one.end for one in times]
        errors.append(mean(abs(a / b - 1) for a, b in zip(predicted, real, strict=True)))
    return mean(errors), max(errors)


def _predicted(shape: ModelShape, observed: Observed, terms: Terms) -> list[float]:
    """Seconds of each step."""
    windows = sorted(set(shape.windows))
    sparse = sum(shape.is_sparse(layer) for layer in range(shape.layers))
    counts = {"begin": 1, "sample": 1, "project": shape.layers, "output": shape.layers}
    counts |= {"gate": shape.layers - sparse, "down": shape.layers - sparse, "route": sparse, "experts": sparse}
    steps = len(observed["begin"])
    found = [0.0] * steps
    for name, count in counts.items():
        for step, (features, _) in enumerate(observed.get(name, [])):
            found[step] += count * dot(terms[name], features)
    attended: list[tuple[Features, float]] = observed["attend"]
    for at, (features, _) in enumerate(attended):
        step, window = divmod(at, len(windows))
        found[step] += shape.windows.count(windows[window]) * dot(terms["attend"], features)
    return found
