"""One look for each variant: a colour that colour-blind people can tell apart, and a dash and a marker beside it.

Colours after Okabe and Ito ("Color Universal Design", 2008), darkened on white and lightened on black for contrast.
"""

from __future__ import annotations

from typing import NamedTuple

from doubletime.lab.report.svg import tag

LIGHT = ("#0067a5", "#d1500b", "#00855f", "#b14a87", "#a97400", "#3f8fce", "#6a55b8", "#4a5560")
DARK = ("#5fb0f0", "#ff8f54", "#38cfa0", "#ec9bcb", "#f2c14e", "#9ad4ff", "#b9a6ff", "#c3ccd6")
_DASHES = (None, "7 4", "2 3")
_MARKERS = ("circle", "square", "triangle", "diamond")


class Look(NamedTuple):
    """`colour` is a CSS value that follows light and dark."""

    colour: str
    dash: str | None
    marker: str


def look(index: int) -> Look:
    """Colours come round after eight; dashes and markers then differ."""
    turn = index // len(LIGHT)
    return Look(f"var(--c{index % len(LIGHT)})", _DASHES[turn % len(_DASHES)], _MARKERS[index % len(_MARKERS)])


def variables(colours: tuple[str, ...]) -> str:
    """CSS custom properties --c0, --c1 …"""
    return "".join(f"--c{index}:{colour};" for index, colour in enumerate(colours))


def marker(shape: str, x: float, y: float, size: float, colour: str) -> str:
    """A filled shape around (x, y), `size` from the middle to its edge."""
    if shape == "circle":
        return tag("circle", cx=x, cy=y, r=size, fill=colour, class_="mark")
    corners = {
        "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
        "triangle": ((0, -1.2), (1.1, 0.8), (-1.1, 0.8)),
        "diamond": ((0, -1.3), (1.2, 0), (0, 1.3), (-1.2, 0)),
    }[shape]
    points = " ".join(f"{x + dx * size:.1f},{y + dy * size:.1f}" for dx, dy in corners)
    return tag("polygon", points=points, fill=colour, class_="mark")
