"""Numbers as axes and tooltips write them."""

from __future__ import annotations

import math
from collections.abc import Callable

Unit = Callable[[float], str]

# seconds of a unit, its name, and from how many seconds on the next one is used
_TIMES = ((1e-6, "µs", 1e-3), (1e-3, "ms", 1.0), (1.0, "s", 120.0), (60.0, "min", 7200.0), (3600.0, "h", math.inf))


def seconds(value: float) -> str:
    """250 µs, 35 ms, 1.2 s, 5 min, 2 h."""
    if value == 0:
        return "0"
    size, name = next((size, name) for size, name, limit in _TIMES if abs(value) < limit * (1 - 1e-9))
    return f"{_three(value / size)} {name}"


def moment(value: float) -> str:
    """A time on a clock: 45 s, 2 min, 2:30 min, 1:15 h."""
    if value < 60:
        return seconds(value)
    whole = round(value)
    big, small, unit = (whole // 60, whole % 60, "min") if whole < 3600 else (whole // 3600, whole % 3600 // 60, "h")
    return f"{big}:{small:02} {unit}" if small else f"{big} {unit}"


def percent(value: float) -> str:
    return f"{_three(value * 100)}%"


def count(value: float) -> str:
    """12, 3.4k, 1.2M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * (1 - 1e-9):
            return f"{_three(value / size)}{letter}"
    return _three(value)


def between(ends: tuple[float, float] | None, unit: Unit) -> str:
    """ " (10 ms to 12 ms)", or nothing where nobody knows."""
    return "" if ends is None else f" ({unit(ends[0])} to {unit(ends[1])})"


def _three(value: float) -> str:
    """Three digits that count, no exponent, no idle zeros."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    written = f"{value:.{digits}f}"
    return (written.rstrip("0").rstrip(".") if "." in written else written) or "0"
