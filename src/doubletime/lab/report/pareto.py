"""Throughput against latency: what is up and to the left is better, and what nothing beats is joined by a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from doubletime.lab.report import units
from doubletime.lab.report.chart import Axis, Frame, Spot, inner, of_variant
from doubletime.lab.report.palette import look, marker
from doubletime.lab.report.scale import linear, logarithmic
from doubletime.lab.report.svg import path, tag

_WIDE = 15

Bar = tuple[float, float]


class Point(NamedTuple):
    """`latency` in seconds, `throughput` in tokens a second; between what and what they lie, None if nobody tried."""

    variant: int
    name: str
    load: str
    latency: float
    throughput: float
    latency_bar: Bar | None = None
    throughput_bar: Bar | None = None


def frontier(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in both, by ascending latency."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda point: (point.latency, -point.throughput)):
        if not kept or point.throughput > kept[-1].throughput:
            kept.append(point)
    return kept


def pareto(points: Sequence[Point], latency: str) -> str:
    """A scatter plot. Lines join the loads of a design, in their order; the bars are the prediction's error."""
    frame = _frame(points, latency)
    best = frontier(points)
    places = [frame.place(point.latency, point.throughput) for point in best]
    body = [path(places, class_="frontier")] if len(places) > 1 else []
    spots = []
    for variant in dict.fromkeys(point.variant for point in points):
        way = [frame.place(point.latency, point.throughput) for point in points if point.variant == variant]
        body.append(of_variant(variant, path(way, class_="way", stroke=look(variant).colour)))
    for point in points:
        style = look(point.variant)
        x, y = frame.place(point.latency, point.throughput)
        body.append(
            of_variant(point.variant, _bars(frame, point, style.colour), marker(style.marker, x, y, 5, style.colour))
        )
        spots.append(Spot(x, y, _tooltip(point, latency, point in best), point.variant))
    return frame.svg(*body, label=f"Throughput against {latency}", spots=spots)


def _frame(points: Sequence[Point], latency: str) -> Frame:
    left, right, bottom, top = inner()
    values = [value for point in points for value in (point.latency, *(point.latency_bar or ()))]
    speeds = [value for point in points for value in (point.throughput, *(point.throughput_bar or ()))]
    wide = max(values, default=1.0) > _WIDE * max(min(values, default=1.0), 1e-9)
    scale = logarithmic(values, left, right) if wide else linear(values, left, right)
    return Frame(
        Axis(f"{latency}{' (log scale)' if wide else ''}", units.seconds, scale),
        Axis("output tokens/s per device", units.count, linear(speeds, bottom, top)),
    )


def _bars(frame: Frame, point: Point, colour: str) -> str:
    x, y = frame.place(point.latency, point.throughput)
    lines = []
    if point.latency_bar:
        low, high = map(frame.x.scale.at, point.latency_bar)
        lines.append(tag("line", x1=low, x2=high, y1=y, y2=y, stroke=colour, class_="error-bar"))
    if point.throughput_bar:
        low, high = map(frame.y.scale.at, point.throughput_bar)
        lines.append(tag("line", x1=x, x2=x, y1=low, y2=high, stroke=colour, class_="error-bar"))
    return "".join(lines)


def _tooltip(point: Point, latency: str, best: bool) -> tuple[str, ...]:
    lines = (
        f"{point.name}, {point.load}",
        f"{latency} {units.seconds(point.latency)}{units.between(point.latency_bar, units.seconds)}",
        f"{units.count(point.throughput)}{units.between(point.throughput_bar, units.count)} output tokens/s per device",
    )
    return (*lines, "on the frontier") if best else lines
