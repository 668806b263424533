"""Metadata values of a GGUF file: numbers, flags, texts, and arrays of them, nested at will."""

from __future__ import annotations

import struct

from doubletime.shapes.gguf.bounded import BadGGUF, Bounded

Value = int | float | bool | str | list["Value"]

_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 10: "Q", 11: "q", 12: "d"}
_BOOL, _STRING, _ARRAY = 7, 8, 9
_DEEPEST = 8  # nested arrays; files have one level
_LEAST = {_BOOL: 1, _STRING: 8, _ARRAY: 12} | {kind: struct.calcsize(form) for kind, form in _NUMBERS.items()}


def read_value(data: Bounded, what: str) -> Value:
    """A value after its type. `what` is for errors. Raises BadGGUF."""
    return _value(data, data.number("I", f"the type of {what}"), what, 0)


def _value(data: Bounded, kind: int, what: str, depth: int) -> Value:
    if kind in _NUMBERS:
        number: int | float = data.number(_NUMBERS[kind], what)
        return number
    if kind == _BOOL:
        return bool(data.number("B", what))
    if kind == _STRING:
        return data.text(what)
    if kind == _ARRAY and depth < _DEEPEST:
        return _array(data, what, depth + 1)
    raise BadGGUF(f"{what} has type {kind}, which GGUF does not have (or arrays nested more than {_DEEPEST} deep)")


def _array(data: Bounded, what: str, depth: int) -> list[Value]:
    kind = data.number("I", f"the type of {what}")
    if kind not in _LEAST:
        raise BadGGUF(f"{what} is an array of type {kind}, which GGUF does not have")
    length = data.count(f"the length of {what}", _LEAST[kind])
    if kind in _NUMBERS:
        form = f"<{length}{_NUMBERS[kind]}"
        return list(struct.unpack(form, data.take(struct.calcsize(form), what)))
    if kind == _STRING:
        return [*data.texts(length, what)]
    return [_value(data, kind, what, depth) for _ in range(length)]
