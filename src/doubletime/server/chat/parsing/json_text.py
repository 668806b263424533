"""JSON in a text that is still coming: finds where a value ends, then checks it as a whole."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from doubletime.server.chat.parsing.source import Source, Steps

MAX_DEPTH = 200

_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')  # of a string, what stands for itself
_INERT = re.compile(r"[\s\w:,.+-]*")  # between strings and brackets


class Malformed(Exception):
    """The text is not what it seemed to become."""


def expect(source: Source, char: str) -> Steps[None]:
    """Passes over white space and `char`."""
    yield from source.run()
    if not (yield from source.accept(char)):
        raise Malformed


def read_string(source: Source) -> Steps[str]:
    """The value of a string."""
    start = source.at
    yield from pass_string(source)
    return str(parse(source.text[start : source.at]))


def pass_string(source: Source) -> Steps[None]:
    """Passes over a string, from quote to quote."""
    yield from expect(source, '"')
    while True:
        yield from source.run(_PLAIN)
        char = yield from source.peek()
        if char == "\\" and len((yield from source.peek(2))) == 2:
            source.at += 2
        elif char == '"':
            source.at += 1
            return
        else:
            raise Malformed


def read_object(source: Source) -> Steps[str]:
    """The text of an object."""
    yield from source.run()
    start = source.at
    if (yield from source.peek()) != "{":
        raise Malformed
    depth = 1
    source.at += 1
    while depth:
        yield from source.run(_INERT)
        char = yield from source.peek()
        if char == '"':
            yield from pass_string(source)
            continue
        depth += _nesting(char)
        if depth > MAX_DEPTH:
            raise Malformed
        source.at += 1
    parse(source.text[start : source.at])
    return source.text[start : source.at]


def _nesting(char: str) -> int:
    if char in ("{", "["):
        return 1
    if char in ("}", "]"):
        return -1
    raise Malformed


def parse(text: str) -> Any:
    """The value of a whole JSON text. Raises Malformed."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
