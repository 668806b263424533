"""From values to places on an axis, with ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

_MANY = 6  # ticks, at most
_CLOCK = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)  # seconds


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps [low, high] to [start, end]; values beyond are clipped. `ticks` lie within."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def linear(
    values: Iterable[float], start: float, end: float, *, high: float | None = None, ticks: int = _MANY
) -> Scale:
    """From 0 to a round number that no value exceeds, or to `high`; about so many `ticks`."""
    top = max(values, default=0.0) if high is None else high
    top = top if top > 0 else 1.0
    step = round_step(top / (ticks - 1))
    top = step * math.ceil(top / step - 1e-9) if high is None else high
    places = tuple(step * number for number in range(math.floor(top / step + 1e-9) + 1))
    return Scale(0.0, top, start, end, False, places)


def clock(span: float, start: float, end: float) -> Scale:
    """Seconds from 0 to `span`, with ticks where a clock has them: 15 s, 5 min, 2 h."""
    step = next((step for step in _CLOCK if step * (_MANY - 1) >= span), None) or round_step(span / (_MANY - 1))
    if span < _CLOCK[0] * (_MANY - 1):
        step = round_step(span / (_MANY - 1))
    ticks = tuple(step * number for number in range(math.floor(span / step + 1e-9) + 1))
    return Scale(0.0, span, start, end, False, ticks)


def logarithmic(values: Iterable[float], start: float, end: float) -> Scale:
    """Around all positive values, at least a factor of four wide; ticks at 1, 2 and 5 times powers of ten."""
    positive = [value for value in values if value > 0] or [1.0]
    low, high = min(positive), max(positive)
    if high < 4 * low:
        middle = math.sqrt(low * high)
        low, high = middle / 2, middle * 2
    low, high = low / 1.08, high * 1.08
    return Scale(low, high, start, end, True, _log_ticks(low, high))


def round_step(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is at least so much."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def _log_ticks(low: float, high: float) -> tuple[float, ...]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = tuple(
            factor * 10.0**power for power in powers for factor in factors if low <= factor * 10.0**power <= high
        )
        if len(ticks) <= _MANY + 1:
            return ticks
    return ticks[:: -(-len(ticks) // _MANY)]
