"""The frame of a chart: axes, grid, titles, and what the pointer can find in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from doubletime.lab.report.scale import Scale
from doubletime.lab.report.svg import tag, text
from doubletime.lab.report.units import Unit

WIDTH, HEIGHT = 560, 330
LEFT, RIGHT, TOP, BOTTOM = 58, 16, 14, 46


class Spot(NamedTuple):
    """A place that the pointer can find: the lines of its tooltip, and the variant that it belongs to (-1: all)."""

    x: float
    y: float
    lines: tuple[str, ...]
    variant: int = -1


class Axis(NamedTuple):
    title: str
    unit: Unit
    scale: Scale


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the axes are, in the SVG's own pixels."""

    x: Axis
    y: Axis
    width: int = WIDTH
    height: int = HEIGHT
    quiet_x: bool = False  # no numbers or title below: another chart underneath has them

    def place(self, x: float, y: float) -> tuple[float, float]:
        return self.x.scale.at(x), self.y.scale.at(y)

    def axes(self) -> str:
        return self._vertical() + self._horizontal()

    def _vertical(self) -> str:
        low, high = self.x.scale.start, self.x.scale.end
        parts = []
        for tick in self.y.scale.ticks:
            y = self.y.scale.at(tick)
            parts.append(tag("line", x1=low, x2=high, y1=y, y2=y, class_="grid"))
            parts.append(tag("text", text(self.y.unit(tick)), x=low - 8, y=y + 4, class_="tick", text_anchor="end"))
        middle = (self.y.scale.start + self.y.scale.end) / 2
        turned = f"rotate(-90 14 {middle:g})"
        parts.append(tag("text", text(self.y.title), x=14, y=middle, transform=turned, class_="axis-title"))
        return "".join(parts)

    def _horizontal(self) -> str:
        bottom, top = self.y.scale.start, self.y.scale.end
        parts = [tag("line", x1=self.x.scale.start, x2=self.x.scale.end, y1=bottom, y2=bottom, class_="axis")]
        for tick in self.x.scale.ticks:
            x = self.x.scale.at(tick)
            parts.append(tag("line", x1=x, x2=x, y1=top, y2=bottom, class_="grid"))
            if not self.quiet_x:
                label = text(self.x.unit(tick))
                parts.append(tag("text", label, x=x, y=bottom + 18, class_="tick", text_anchor="middle"))
        if not self.quiet_x:
            middle = (self.x.scale.start + self.x.scale.end) / 2
            parts.append(tag("text", text(self.x.title), x=middle, y=bottom + 38, class_="axis-title"))
        return "".join(parts)

    def target(self, value: float, label: str) -> str:
        """A dashed upright line at a value of x that somebody asked for, if it is in sight."""
        if not self.x.scale.low <= value <= self.x.scale.high:
            return ""
        x, bottom = self.x.scale.at(value), self.y.scale.start
        right = x > (self.x.scale.start + self.x.scale.end) / 2
        line = tag("line", x1=x, x2=x, y1=bottom, y2=self.y.scale.end, class_="target")
        words = {"x": x - 5 if right else x + 5, "text_anchor": "end" if right else None}
        return line + tag("text", text(label), y=bottom - 8, class_="target-text", **words)

    def svg(self, *body: str, label: str, spots: Sequence[Spot], across: bool = False) -> str:
        """The chart. The pointer finds the nearest spot; `across`: the nearest in x, whatever its height."""
        found = [[round(x, 1), round(y, 1), list(lines), variant] for x, y, lines, variant in spots]
        data = json.dumps(found, separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/")
        drawing = tag(
            "svg",
            self.axes(),
            *body,
            viewBox=f"0 0 {self.width} {self.height}",
            role="img",
            aria_label=label,
            class_="chart",
            data_across="1" if across else None,
        )
        return drawing + tag("script", data, type="application/json")


def inner(
    width: int = WIDTH, height: int = HEIGHT, *, bottom: int = BOTTOM, top: int = TOP
) -> tuple[int, int, int, int]:
    """Left, right, bottom and top of the plot itself."""
    return LEFT, width - RIGHT, height - bottom, top


def of_variant(index: int, *body: str) -> str:
    """A group that the legend hides and shows."""
    return tag("g", *body, data_variant=str(index))
