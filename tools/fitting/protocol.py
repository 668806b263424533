"""Fits one table: constants of the base, trees on what is left, and the errors on measurements held out of both.

The protocol is the same for every operator: splits are seeded; base and trees are fitted on the rest of the rows;
features are clamped to the box of that rest, as at run time; the error is the mean absolute relative one. What ships is
then fitted on all rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tools.fitting.boost import boost, predict

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Constants = tuple[float, ...]
SEED = 4


class Table(NamedTuple):
    """Measured rows: `shapes` one row each, `seconds` what they took."""

    shapes: Floats
    seconds: Floats

    def take(self, chosen: Mask) -> Table:
        return Table(self.shapes[chosen], self.seconds[chosen])


class Operator(NamedTuple):
    """`constants` fits the base to a table; `evaluate` gives base seconds and features of shapes; `floor` seconds."""

    constants: Callable[[Table], Constants]
    evaluate: Callable[[Floats, Constants], tuple[Floats, Floats]]
    floor: Callable[[Floats], Floats]
    trees: dict[str, Any]  # options of boost()


class Fitted(NamedTuple):
    constants: Constants
    trees: dict[str, Any]
    low: Floats
    high: Floats


def random_rows(count: int, share: float = 0.2) -> Mask:
    return np.asarray(np.random.default_rng(SEED).random(count) < share)


def random_groups(keys: Floats, share: float = 0.2) -> Mask:
    """Whole groups: the rows whose key (one row of `keys`) is among a random share of the distinct ones."""
    _, group = np.unique(keys, axis=0, return_inverse=True)
    group = group.reshape(-1)
    count = int(group.max()) + 1
    chosen = np.random.default_rng(SEED).choice(count, max(1, round(share * count)), replace=False)
    return np.isin(group, chosen)


def fit(table: Table, operator: Operator) -> Fitted:
    constants = tuple(float(f"{value:.5g}") for value in operator.constants(table))
    base, x = operator.evaluate(table.shapes, constants)
    trees = boost(x, np.log(table.seconds / base), **operator.trees)
    return Fitted(constants, trees, x.min(axis=0), x.max(axis=0))


def estimate(fitted: Fitted, shapes: Floats, operator: Operator) -> Floats:
    """Seconds, as the run time computes them."""
    base, x = operator.evaluate(shapes, fitted.constants)
    found = base * np.exp(predict(fitted.trees, np.clip(x, fitted.low, fitted.high)))
    return np.maximum(found, operator.floor(shapes))


def error(fitted: Fitted, table: Table, operator: Operator) -> float:
    return float(np.abs(estimate(fitted, table.shapes, operator) / table.seconds - 1).mean())


def held_out(table: Table, operator: Operator, splits: dict[str, Mask]) -> dict[str, float]:
    """The error of each split's rows when fitted on the others."""
    return {
        name: round(error(fit(table.take(~mask), operator), table.take(mask), operator), 4)
        for name, mask in splits.items()
        if mask.any()
    }


def as_json(
    fitted: Fitted, held_out: dict[str, float], *, inside: str, outside: str, about: dict[str, Any]
) -> dict[str, Any]:
    """What residual.Fit reads, and `about`: source, rows and held-out errors, for `doubletime hardware`."""
    return {
        "constants": list(fitted.constants),
        "low": [_short(value) for value in fitted.low - 1e-4],
        "high": [_short(value) for value in fitted.high + 1e-4],
        "inside": held_out[inside],
        "outside": held_out[outside],
        "about": about | {"held_out": held_out},
        "trees": fitted.trees,
    }


def _short(value: float) -> float:
    return round(float(value), 4)
