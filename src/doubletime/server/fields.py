"""Strict reading of JSON: every field is either understood or refused by name. Null means that a field is absent."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, Never, TypeVar

from starlette.requests import ClientDisconnect, Request

from doubletime.server.errors import ApiError, bad

MAX_BODY = 32 << 20  # bytes
T = TypeVar("T")
Reader = Callable[[str, Any], T]  # (name, value) -> what it means; raises ApiError


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

    def done(self) -> None:
        for name in self._left:
            where = self._at + name
            raise bad(where, f"{where} is not supported by this server", "unsupported_parameter")


def text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise bad(name, f"{name} must be a string")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise bad(name, f"{name} is not valid Unicode: it holds half of a surrogate pair") from error
    return value


def flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise bad(name, f"{name} must be true or false")
    return value


def whole(least: int, most: int) -> Reader[int]:
    """A whole number from `least` to `most`; neither true nor 1.0 is one."""

    def read(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise bad(name, f"{name} must be a whole number")
        if not least <= value <= most:
            raise bad(name, f"{name} must be from {least} to {most}, not {_short(value)}")
        return value

    return read


def number(least: float, most: float) -> Reader[float]:
    """A finite number from `least` to `most`."""

    def read(name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise bad(name, f"{name} must be a number")
        if not least <= value <= most:
            raise bad(name, f"{name} must be from {least:g} to {most:g}, not {_short(value)}")
        return float(value)

    return read


def items(name: str, value: Any, most: int) -> list[Any]:
    """A list of 1 to `most` things."""
    if not isinstance(value, list):
        raise bad(name, f"{name} must be a list")
    if not 1 <= len(value) <= most:
        raise bad(name, f"{name} must hold from 1 to {most} items, not {len(value)}")
    return value


async def read_body(request: Request) -> Any:
    """The JSON of a request. Raises ApiError for what is too long or is not JSON (NaN is not)."""
    body = await _read(request)
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise bad(None, f"the body is not valid JSON: {error}") from error


async def _read(request: Request) -> bytes:
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BODY:
                raise ApiError(413, f"the body must have at most {MAX_BODY} bytes")
    except ClientDisconnect as error:
        raise bad(None, "the body is incomplete") from error
    return bytes(body)


def _refuse(constant: str) -> Never:
    raise ValueError(f"{constant} is not JSON")


def _short(value: float) -> str:
    if isinstance(value, int):
        return str(value) if abs(value) < 10**20 else "a number of more than 20 digits"
    return f"{value:g}" if math.isfinite(value) else "an infinite number"
