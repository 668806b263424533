"""Constants of a smooth roofline: bounded, robust least squares on the logarithm of the time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import least_squares  # type: ignore[import-untyped]

from tools.fitting.protocol import SEED, Constants, Floats

SAMPLE = 12000  # rows


class Bounds(NamedTuple):
    """Of positive constants."""

    start: Constants
    low: Constants
    high: Constants


def base_of(base: Callable[..., Any], terms: Sequence[Any], constants: Constants) -> Floats:
    """The base of many terms at once: NamedTuples of numbers become one of columns."""
    columns = (np.array(column, float) for column in zip(*terms, strict=True))
    return np.asarray(base(type(terms[0])(*columns), constants))


def fit_bounded(base: Callable[..., Any], terms: Sequence[Any], seconds: Floats, bounds: Bounds) -> Constants:
    chosen = np.random.default_rng(SEED).permutation(len(terms))[:SAMPLE]
    sample, measured = [terms[i] for i in chosen], np.log(seconds[chosen])
    columns = type(terms[0])(*(np.array(column, float) for column in zip(*sample, strict=True)))
    start, low, high = (np.log(values) for values in bounds)

    def off(values: Floats) -> Floats:
        return np.asarray(np.log(base(columns, tuple(np.exp(values)))) - measured)

    found = least_squares(off, start, bounds=(low, high), loss="soft_l1", f_scale=0.1, max_nfev=200).x
    return tuple(map(float, np.exp(found)))
