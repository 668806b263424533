"""Strict reading of JSON: every field is either understood or refused by name. Null means that a field is absent."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from doubletime.server.errors import UNSUPPORTED, bad

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Json = dict[str, Any]
Reader = Callable[[str, Any], T]  # (name, value) -> what it means; raises ApiError

MAX_ITEMS = 1 << 24


@dataclass(frozen=True, slots=True)
class Kind(Generic[T_co]):
    """A kind of value: how it is read, and the JSON Schema of what the reader takes. `made`: the class of an object."""

    reader: Callable[[str, Any], T_co]
    schema: Mapping[str, Any]
    made: type[T_co] | None = None

    def __call__(self, name: str, value: Any) -> T_co:
        return self.reader(name, value)


class Fields:
    """The fields of one object; `done` refuses those that nobody took. `at` is the path to the object, for errors."""

    def __init__(self, value: Any, at: str = "") -> None:
        if not isinstance(value, dict):
            raise bad(at or None, f"{at or 'the body'} must be a JSON object")
        self._left = {name: item for name, item in value.items() if item is not None}
        self._at = f"{at}." if at else ""

    def take(self, name: str, reader: Reader[T], default: T) -> T:
        if name not in self._left:
            return default
        return reader(self._at + name, self._left.pop(name))

    def need(self, name: str, reader: Reader[T]) -> T:
        if name not in self._left:
            raise bad(self._at + name, f"{self._at}{name} is required", "missing_required_parameter")
        return reader(self._at + name, self._left.pop(name))

    def done(self, reasons: Mapping[str, str] | None = None) -> None:
        """`reasons`: why fields that clients know are not taken, by name."""
        for name in self._left:
            where = self._at + name
            reason = (reasons or {}).get(name)
            told = f"{where} is not supported by this server" + (f": {reason}" if reason else "")
            raise bad(where, told, UNSUPPORTED)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise bad(name, f"{name} must be a string")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise bad(name, f"{name} is not valid Unicode: it holds half of a surrogate pair") from error
    return value


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise bad(name, f"{name} must be true or false")
    return value


text = Kind(_text, {"type": "string"})
flag = Kind(_flag, {"type": "boolean"})


def whole(least: int, most: int) -> Kind[int]:
    """A whole number from `least` to `most`; neither true nor 1.0 is one."""

    def read(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise bad(name, f"{name} must be a whole number")
        if not least <= value <= most:
            raise bad(name, f"{name} must be from {least} to {most}, not {_short(value)}")
        return value

    return Kind(read, {"type": "integer", "minimum": least, "maximum": most})


def number(least: float, most: float, above: bool = False) -> Kind[float]:
    """A finite number from `least` to `most`; `above`: more than `least`."""

    def read(name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise bad(name, f"{name} must be a number")
        if not least <= value <= most:
            raise bad(name, f"{name} must be from {least:g} to {most:g}, not {_short(value)}")
        if above and value == least:
            raise bad(name, f"{name} must be more than {least:g}")
        return float(value)

    return Kind(read, {"type": "number", "exclusiveMinimum" if above else "minimum": least, "maximum": most})


def one_of(*allowed: str) -> Kind[str]:
    """One of some words."""

    def read(name: str, value: Any) -> str:
        if value not in allowed or not isinstance(value, str):
            raise bad(name, f"{name} must be {' or '.join(allowed)}")
        return value

    return Kind(read, {"type": "string", "enum": list(allowed)})


def items(name: str, value: Any, most: int) -> list[Any]:
    """A list of 1 to `most` things."""
    if not isinstance(value, list):
        raise bad(name, f"{name} must be a list")
    if not 1 <= len(value) <= most:
        raise bad(name, f"{name} must hold from 1 to {most} items, not {len(value)}")
    return value


def list_of(kind: Kind[T], most: int = MAX_ITEMS) -> Kind[tuple[T, ...]]:
    """A list of 1 to `most` values of one kind; an error names the place of the bad one."""

    def read(name: str, value: Any) -> tuple[T, ...]:
        return tuple(kind(f"{name}[{at}]", item) for at, item in enumerate(items(name, value, most)))

    return Kind(read, {"type": "array", "items": dict(kind.schema), "minItems": 1, "maxItems": most})


def _short(value: float) -> str:
    if isinstance(value, int):
        return str(value) if abs(value) < 10**20 else "a number of more than 20 digits"
    return f"{value:g}" if math.isfinite(value) else "an infinite number"
