"""`kind:key=value,key=value`: the keys of a spec, each taken once, the rest an error."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from doubletime.lab.workload import lengths

T = TypeVar("T")


class Options:
    """The keys of one spec. `done` refuses those that nobody took."""

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        self._left: dict[str, str] = {}
        self._known: list[str] = []
        for item in filter(None, text.split(",")):
            key, equals, value = item.partition("=")
            if not equals or not key or not value:
                raise ValueError(f"{kind}: {item!r} is not key=value")
            if key in self._left:
                raise ValueError(f"{kind}: {key} is given twice")
            self._left[key] = value

    def take(self, key: str, read: Callable[[str, str], T], default: T) -> T:
        return read(key, self._left.pop(key)) if self.has(key) else default

    def need(self, key: str, read: Callable[[str, str], T]) -> T:
        if key not in self._left:
            raise ValueError(f"{self.kind}: {key}= is needed")
        return self.take(key, read, read(key, self._left[key]))

    def has(self, key: str) -> bool:
        if key not in self._known:
            self._known.append(key)
        return key in self._left

    def done(self) -> None:
        if self._left:
            raise ValueError(f"{self.kind}: unknown key {', '.join(self._left)}; known: {', '.join(self._known)}")


def text(key: str, value: str) -> str:
    return value


def positive(key: str, value: str) -> float:
    """A finite number above 0."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(f"{key}={value}: must be a number above 0")
    return number


def count(key: str, value: str) -> int:
    """A whole number from 1 up."""
    if not value.isdecimal() or int(value) < 1:
        raise ValueError(f"{key}={value}: must be a whole number from 1 up")
    return int(value)


def integer(key: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{key}={value}: must be a whole number") from None


def distribution(key: str, value: str) -> lengths.Draw:
    return lengths.parse(key, value)
