"""The parts that any report is made of: one HTML document, cards, choices, swatches."""

from __future__ import annotations

from collections.abc import Sequence

from doubletime.lab.report.palette import look, marker
from doubletime.lab.report.script import JS
from doubletime.lab.report.style import CSS
from doubletime.lab.report.svg import tag, text

Layers = Sequence[tuple[str, str]]  # what a choice is called, and what it shows


def document(title: str, *body: str) -> str:
    """A whole file that loads nothing: styles and script are in it."""
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{text(title)}</title><style>{CSS}</style>"
    )
    main = tag("main", *body)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{main}<script>{JS}</script></body></html>\n'


def card(title: str, note: str, *body: str, control: str = "", wide: bool = False) -> str:
    words = tag("div", tag("h2", text(title)), tag("p", text(note), class_="note") if note else "")
    return tag("section", tag("div", words, control, class_="head"), *body, class_=f"card{' wide' if wide else ''}")


def choice(group: str, values: Sequence[str], first: str) -> str:
    """Buttons of which one is pressed, at first that of `first`; nothing where there is nothing to choose."""
    if len(values) < 2:
        return ""
    buttons = [
        tag(
            "button",
            text(value),
            type="button",
            data_choose=group,
            data_value=value,
            aria_pressed=_flag(value == first),
        )
        for value in values
    ]
    return tag("div", *buttons, class_="choice", role="group")


def layers(group: str, shown: Layers, first: str, class_: str | None = None) -> str:
    """What the buttons of `choice` switch between; `first` is shown."""
    return "".join(
        tag("div", body, data_layer=group, data_value=value, class_=class_, hidden=None if value == first else "")
        for value, body in shown
    )


def legend(names: Sequence[str]) -> str:
    """A button for each variant that hides and shows it."""
    buttons = [
        tag("button", swatch(at), text(name), type="button", data_of=str(at), aria_pressed="true")
        for at, name in enumerate(names)
    ]
    return tag("div", *buttons, class_="legend")


def swatch(index: int) -> str:
    """A short piece of a variant's line with its marker."""
    style = look(index)
    stroke = tag("line", x1=1, x2=25, y1=7, y2=7, stroke=style.colour, stroke_width=2.4, stroke_dasharray=style.dash)
    return tag("svg", stroke, marker(style.marker, 13, 7, 4, style.colour), width=26, height=14, class_="swatch")


def named(index: int, name: str) -> str:
    """A variant's swatch and name."""
    return tag("div", swatch(index), text(name), class_="who")


def _flag(value: bool) -> str:
    return "true" if value else "false"
