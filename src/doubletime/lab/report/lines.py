"""Line charts: distributions, and figures against the rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from doubletime.lab.report import units
from doubletime.lab.report.chart import Axis, Frame, Spot, inner, of_variant
from doubletime.lab.report.palette import look, marker
from doubletime.lab.report.scale import linear, logarithmic
from doubletime.lab.report.svg import path

_BEYOND = 0.999  # of a distribution: the last values stretch the axis and say little
_WIDE = 15  # times between the ends of an axis, from which it is logarithmic


class Target(NamedTuple):
    """A value that was asked for, in x, and how a chart names it."""

    value: float
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """`variant` is the index that gives the look; points are (x, y); `bars` says between what and what each y lies."""

    variant: int
    name: str
    points: tuple[tuple[float, float], ...]
    bars: tuple[tuple[float, float] | None, ...] = ()


def distribution(lines: Sequence[Line], title: str, target: Target | None) -> str:
    """Cumulative shares: x in seconds, y from 0 to 1."""
    left, right, bottom, top = inner()
    values = [x for line in lines for x, share in line.points if share <= _BEYOND]
    low, high = min(values, default=0.0), max(values, default=1.0)
    near = [target.value] if target and low / 4 <= target.value <= high * 4 else []
    wide = high > _WIDE * max(low, 1e-9)
    scale = logarithmic([*values, *near], left, right) if wide else linear([*values, *near], left, right)
    frame = Frame(
        Axis(f"{title}{' (log scale)' if wide else ''}", units.seconds, scale),
        Axis("share of completed requests", units.percent, linear((), bottom, top, high=1.0)),
    )
    spots, body = [], []
    for line in lines:
        style = look(line.variant)
        places = [frame.place(x, y) for x, y in line.points]
        body.append(
            of_variant(line.variant, path(places, class_="line", stroke=style.colour, stroke_dasharray=style.dash))
        )
        spots += [
            Spot(*place, (line.name, f"{units.percent(share)} within {units.seconds(x)}"), line.variant)
            for place, (x, share) in zip(places, line.points, strict=True)
        ]
    mark = frame.target(target.value, target.label) if target else ""
    return frame.svg(mark, *body, label=f"Distribution of {title}", spots=spots)


def against_rate(lines: Sequence[Line], x_title: str) -> str:
    """Attainment (0 to 1) against requests a second."""
    left, right, bottom, top = inner()
    frame = Frame(
        Axis(x_title, units.count, linear([x for line in lines for x, _ in line.points], left, right)),
        Axis("requests that meet the SLO", units.percent, linear((), bottom, top, high=1.0)),
    )
    spots, body = [], []
    for line in lines:
        style = look(line.variant)
        places = [frame.place(x, y) for x, y in line.points]
        marks = [marker(style.marker, x, y, 4, style.colour) for x, y in places]
        stroke = path(places, class_="line", stroke=style.colour, stroke_dasharray=style.dash)
        body.append(of_variant(line.variant, _band(frame, line, style.colour), stroke, *marks))
        spots += [
            Spot(*place, (line.name, f"{units.percent(y)}{units.between(bar, units.percent)} at {units.count(x)}/s"),
                 line.variant)
            for place, (x, y), bar in zip(places, line.points, line.bars, strict=True)
        ]  # fmt: skip
    return frame.svg(*body, label="SLO attainment against the request rate", spots=spots)


def _band(frame: Frame, line: Line, colour: str) -> str:
    """What lies between the bars' ends, as an area."""
    ends = [(x, bar) for (x, _), bar in zip(line.points, line.bars, strict=True) if bar is not None]
    if not ends:
        return ""
    around = [frame.place(x, high) for x, (_, high) in ends] + [frame.place(x, low) for x, (low, _) in reversed(ends)]
    return path(around, class_="band", fill=colour)
