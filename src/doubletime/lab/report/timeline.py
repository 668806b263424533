"""What an engine held over time: KV use, decode rows and prefill rows of its steps, on one axis of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from doubletime.lab.report import units
from doubletime.lab.report.chart import BOTTOM, WIDTH, Axis, Frame, Spot, inner
from doubletime.lab.report.scale import clock, linear
from doubletime.lab.report.svg import path
from doubletime.lab.series import Series

_STRIP, _GAP = 84, 9  # pixels: the height of a strip without its axis of time, and the space at its ends


class Strip(NamedTuple):
    """One of the charts on top of each other. `field` is that of Series, and the CSS class; `key` names it."""

    field: str
    title: str
    unit: units.Unit
    words: str
    key: str


STRIPS = (
    Strip("kv", "KV use", units.percent, "of the KV blocks in use", "KV blocks in use"),
    Strip("decodes", "decodes", units.count, "decode rows a step", "decode rows a step"),
    Strip("prefills", "prefill", units.count, "prefill rows a step", "prefill rows a step"),
)


class Tops(NamedTuple):
    """The ends of the axes, in seconds, as a share and in rows, so that the designs of a load compare."""

    span: float
    kv: float
    decodes: float
    prefills: float

    @classmethod
    def of(cls, found: Sequence[Series]) -> Tops:
        return cls(
            max(series.width * len(series.kv) for series in found),
            *(max(max(getattr(series, strip.field)) for series in found) for strip in STRIPS),
        )


def timeline(found: Series, name: str, tops: Tops) -> str:
    """Three strips; the last has the axis of time."""
    return "".join(_strip(strip, found, name, tops, last=strip is STRIPS[-1]) for strip in STRIPS)


def _strip(strip: Strip, found: Series, name: str, tops: Tops, *, last: bool) -> str:
    height = _STRIP + (BOTTOM - _GAP if last else 0)
    left, right, bottom, top = inner(WIDTH, height, bottom=BOTTOM if last else _GAP, top=_GAP)
    scale = linear([getattr(tops, strip.field)], bottom, top, ticks=3)
    frame = Frame(
        Axis("time", units.moment, clock(tops.span, left, right)),
        Axis(strip.title, strip.unit, scale),
        height=height,
        quiet_x=not last,
    )
    values: tuple[float, ...] = getattr(found, strip.field)
    times = [found.width * (number + 0.5) for number in range(len(values))]
    there = [frame.place(at, value) for at, value in zip(times, values, strict=True)]
    ground = [frame.place(times[-1], 0.0), frame.place(times[0], 0.0)]
    spots = [Spot(*there[number], _tooltip(strip, found, at, number)) for number, at in enumerate(times)]
    area = path(there + ground, class_=f"area {strip.field}")
    return frame.svg(area, label=f"{strip.title} of {name} over time", spots=spots, across=True)


def _tooltip(strip: Strip, found: Series, at: float, number: int) -> tuple[str, ...]:
    return (
        f"at {units.moment(at)}",
        f"{strip.unit(getattr(found, strip.field)[number])} {strip.words}",
        f"{units.count(found.running[number])} running, {units.count(found.waiting[number])} waiting",
    )
