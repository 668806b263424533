"""Fits a curve of few points to many measurements: hat functions on logarithmic axes, by least squares."""

from __future__ import annotations

from typing import Any

import numpy as np

from tools.fitting.protocol import Floats

FACTOR = 4.0  # between two points


def fit(sizes: Floats, seconds: Floats, factor: float = FACTOR) -> dict[str, list[float]]:
    """`bytes` and `seconds` of the points, ascending in both."""
    x, y = np.log(sizes), np.log(seconds)
    count = max(2, round((x.max() - x.min()) / np.log(factor)) + 1)
    knots = np.linspace(x.min(), x.max(), count)
    hats = np.array([np.interp(x, knots, row) for row in np.eye(count)]).T
    # A trace of smoothness keeps points without data near their neighbours.
    bend = 1e-3 * np.diff(np.eye(count), n=min(2, count - 1), axis=0)
    values = np.linalg.lstsq(np.vstack([hats, bend]), np.append(y, np.zeros(len(bend))), rcond=None)[0]
    rising = np.maximum.accumulate(values)
    return {"bytes": [_short(v) for v in np.exp(knots)], "seconds": [_short(v) for v in np.exp(rising)]}


def without_spikes(sizes: Floats, seconds: Floats) -> tuple[Floats, Floats]:
    """A larger message is never the quicker one: each time is at most that of any larger size."""
    order = np.argsort(sizes)
    lowest = np.minimum.accumulate(seconds[order][::-1])[::-1]
    return sizes[order], lowest


def read(curve: dict[str, Any], sizes: Floats) -> Floats:
    """What hardware.ops.curve says inside the points."""
    return np.asarray(np.exp(np.interp(np.log(sizes), np.log(curve["bytes"]), np.log(curve["seconds"]))))


def error(curve: dict[str, Any], sizes: Floats, seconds: Floats) -> float:
    return float(np.abs(read(curve, sizes) / seconds - 1).mean())


def _short(value: float) -> float:
    return float(f"{value:.4g}")
