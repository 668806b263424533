"""Least squares with a prior: Gauss-Newton steps, on residuals that outliers hardly move. For few parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from doubletime.lab.least_squares import solve

Vector = list[float]
Residuals = Callable[[Sequence[float]], Vector]

_STEP = 1e-4  # of the numeric derivative
_ROUNDS = 12


class Prior(NamedTuple):
    """What a parameter is without evidence, and how far it may well be from that; never below `least`."""

    mean: float
    spread: float
    least: float = float("-inf")


class Posterior(NamedTuple):
    """Values, and how far each may still be off (one standard deviation; the prior's where nothing was learnt).

    `loss` is what was minimized: of two starts, the one with the smaller loss has found more.
    """

    values: Vector
    spreads: Vector
    loss: float


def least_squares(
    residuals: Residuals, priors: Sequence[Prior], noise: float, tail: float, start: Sequence[float] = ()
) -> Posterior:
    """Minimizes Σ ρ(r / noise) + Σ ((x - mean) / spread)², the maximum a posteriori of normal errors with heavy tails.

    `noise`: what a residual is good for, the same for all. Beyond `tail` it counts only linearly (Huber 1964).
    `start`: where to begin; () at the priors' means.
    """
    at = list(start) or [prior.mean for prior in priors]
    hessian = _diagonal([1.0] * len(at))
    for _ in range(_ROUNDS):
        found = residuals(at)
        slopes = [_slope(residuals, at, found, index, prior) for index, prior in enumerate(priors)]
        hessian, gradient = _normal(found, slopes, at, priors, [_weight(r, tail) / noise**2 for r in found])
        step = solve(hessian, gradient)
        at = [max(prior.least, x + dx) for x, dx, prior in zip(at, step, priors, strict=True)]
    spreads = [solve(hessian, unit)[index] ** 0.5 for index, unit in enumerate(_diagonal([1.0] * len(at)))]
    away = sum(((x - prior.mean) / prior.spread) ** 2 for x, prior in zip(at, priors, strict=True))
    return Posterior(at, spreads, away + sum(_loss(r, tail) for r in residuals(at)) / noise**2)


def _slope(residuals: Residuals, at: Vector, found: Vector, index: int, prior: Prior) -> Vector:
    """How the residuals move with one parameter."""
    step = _STEP * prior.spread
    moved = residuals([x + step * (i == index) for i, x in enumerate(at)])
    return [(new - old) / step for new, old in zip(moved, found, strict=True)]


def _normal(
    found: Vector, slopes: Sequence[Vector], at: Vector, priors: Sequence[Prior], weights: Vector
) -> tuple[list[Vector], Vector]:
    """The normal equations at `at`: matrix and right-hand side."""
    weighted = [[w * s for w, s in zip(weights, slope, strict=True)] for slope in slopes]
    matrix = [[_dot(row, slope) for slope in slopes] for row in weighted]
    right = [-_dot(row, found) for row in weighted]
    for index, (x, prior) in enumerate(zip(at, priors, strict=True)):
        matrix[index][index] += prior.spread**-2
        right[index] += (prior.mean - x) / prior.spread**2
    return matrix, right


def _weight(residual: float, tail: float) -> float:
    return 1.0 if abs(residual) <= tail else tail / abs(residual)


def _loss(residual: float, tail: float) -> float:
    size = abs(residual)
    return size**2 if size <= tail else tail * (2 * size - tail)


def _dot(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(left, right, strict=True))


def _diagonal(values: Sequence[float]) -> list[Vector]:
    return [[value * (i == j) for j in range(len(values))] for i, value in enumerate(values)]
