"""Distributions of lengths and times, as a spec writes them: `512`, `uniform:100:900`, `lognormal:512:0.8` …"""

from __future__ import annotations

import math
from collections.abc import Callable

from doubletime.lab.workload.dice import Dice

Draw = Callable[[Dice], float]

FORMS = "a number, uniform:LOW:HIGH, exponential:MEAN or lognormal:MEDIAN:SIGMA"


def parse(key: str, text: str) -> Draw:
    """A distribution. Raises ValueError that names `key`."""
    name, *rest = text.split(":")
    if not rest:
        name, rest = "constant", [name]
    make = _SHAPES.get(name)
    try:
        numbers = [float(item) for item in rest]
    except ValueError:
        numbers = []
    if make is None or len(numbers) != make[0] or not all(math.isfinite(n) and n >= 0 for n in numbers):
        raise ValueError(f"{key}={text}: must be {FORMS}")
    return make[1](*numbers)


def whole(draw: Draw, dice: Dice) -> int:
    """A length: at least 1."""
    return max(1, round(draw(dice)))


def _constant(value: float) -> Draw:
    return lambda dice: value


def _uniform(low: float, high: float) -> Draw:
    return lambda dice: low + (high - low) * dice.uniform()


def _exponential(mean: float) -> Draw:
    return lambda dice: dice.exponential(mean)


def _lognormal(median: float, sigma: float) -> Draw:
    return lambda dice: median * math.exp(sigma * dice.normal())


_SHAPES: dict[str, tuple[int, Callable[..., Draw]]] = {
    "constant": (1, _constant),
    "uniform": (2, _uniform),
    "exponential": (1, _exponential),
    "lognormal": (2, _lognormal),
}
