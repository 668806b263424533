"""Fits the terms of `hardware.cpu.terms` to the operators of real steps: relative least squares, nothing negative."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from doubletime.engine.profile.steps import StepTimes
from doubletime.hardware.cpu import terms
from doubletime.hardware.cpu.kernels import Kernels
from doubletime.hardware.cpu.terms import Features
from doubletime.hardware.cpu.work import Segment, work_of
from doubletime.shapes import POINTS_PER_LAYER, ModelShape

Observed = dict[str, list[tuple[Features, float]]]  # by operator: features, seconds
SWEEPS = 4000
PRIOR = 0.2  # of the observations


def observe(kernels: Kernels, shape: ModelShape, steps: Iterable[StepTimes]) -> Observed:
    """What every operator of these steps was given, and how long it took: layers of one kind are averaged."""
    found: Observed = {}
    priced = terms.priced(shape, kernels)
    for step in steps:
        work = work_of(step.plan)
        (segment,) = work.segments
        views = tuple(segment.attended(window) for window in sorted(set(shape.windows)))
        found.setdefault("begin", []).append((terms.begin(priced, segment, views, entering=True), step.begin))
        found.setdefault("sample", []).append((terms.sample(kernels, priced, work.samples), step.end))
        for name, features, layers in _operators(kernels, priced, segment):
            seconds = [step.operators[layer] for layer in layers]
            found.setdefault(name, []).append((features, sum(seconds) / len(seconds)))
    return found


def _operators(
    kernels: Kernels, priced: terms.Priced, segment: Segment
) -> Iterable[tuple[str, Features, Sequence[int]]]:
    """Each kind of operator with its features, and where in the depth it stands."""
    shape, rows = priced.shape, segment.rows
    every = range(shape.layers)
    dense = [layer for layer in every if not shape.is_sparse(layer)]
    sparse = [layer for layer in every if shape.is_sparse(layer)]
    yield "project", terms.project(kernels, priced, rows), _at(every, 0)
    for window in sorted(set(shape.windows)):
        features = terms.attend(kernels, priced, segment.attended(window))
        yield "attend", features, _at([layer for layer in every if shape.windows[layer] == window], 1)
    yield "output", terms.output(kernels, priced, rows), _at(every, 2)
    if dense:
        yield "gate", terms.gate(kernels, priced, rows), _at(dense, 3)
        yield "down", terms.down(kernels, priced, rows), _at(dense, 4)
    if sparse and shape.moe is not None:
        yield "route", terms.route(kernels, priced, rows, shape.moe), _at(sparse, 3)
        yield "experts", terms.experts(kernels, priced, rows, shape.moe), _at(sparse, 4)


def _at(layers: Iterable[int], point: int) -> list[int]:
    return [layer * POINTS_PER_LAYER + point for layer in layers]


def fit(observed: Sequence[tuple[Features, float]], kernels: int = 0) -> Features:
    """Coefficients, none negative, with the least mean square of relative errors.

    Those of the first `kernels` features are drawn to 1, as if a fifth more observations said so: they were measured,
    and where one model alone has an operator other features could take their place. Coordinate descent on the normal
    equations (Franc, Hlaváč, Navara 2005): few unknowns, so it is exact enough.
    """
    width = len(observed[0][0])
    rows = [[value / seconds for value in features] for features, seconds in observed]
    scales = [max(abs(row[at]) for row in rows) or 1.0 for at in range(width)]
    rows = [[value / scale for value, scale in zip(row, scales, strict=True)] for row in rows]
    gram = [[sum(row[a] * row[b] for row in rows) for b in range(width)] for a in range(width)]
    slopes = [sum(row[at] for row in rows) for at in range(width)]
    for at in range(kernels):
        weight = PRIOR * gram[at][at]
        gram[at][at] += weight
        slopes[at] += weight * scales[at]
    found = [0.0] * width
    for _ in range(SWEEPS):
        for at in range(width):
            if gram[at][at] > 0:
                rest = sum(gram[at][b] * found[b] for b in range(width) if b != at)
                found[at] = max(0.0, (slopes[at] - rest) / gram[at][at])
    return tuple(value / scale for value, scale in zip(found, scales, strict=True))
