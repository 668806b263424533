"""Markup as text: elements with escaped attributes."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

Attribute = str | float | None


def tag(name: str, *body: str, **attributes: Attribute) -> str:
    """An element. `body` is markup already (see `text`); underscores of attributes become hyphens, one at the end goes.

    An attribute of None is left out.
    """
    given = "".join(f' {_name(key)}="{_value(value)}"' for key, value in attributes.items() if value is not None)
    return f"<{name}{given}>{''.join(body)}</{name}>"


def text(content: str) -> str:
    """Text as markup."""
    return escape(content, quote=False)


def path(points: Iterable[tuple[float, float]], **attributes: Attribute) -> str:
    """Straight lines through the points."""
    return tag("path", d="M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points), **attributes)


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _value(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else f"{round(value, 2):g}"
