"""Files as streams: plain or .gz, lines or the objects of a JSON array. Nothing here holds a whole file."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

_PIECE = 1 << 16  # characters
_SPACE = re.compile(r"[\s,]*")


@contextmanager
def open_text(path: Path) -> Iterator[IO[str]]:
    """The text of a file; gzip is recognised by its first bytes, whatever the name."""
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    file: IO[str] = gzip.open(path, "rt", encoding="utf-8-sig") if packed else path.open(encoding="utf-8-sig")  # noqa: SIM115
    with file:
        yield file


def objects(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file, one a line or the items of one array. Raises ValueError that names the place."""
    with open_text(path) as file:
        start = file.read(1)
        while start.isspace():
            start = file.read(1)
        number = 0
        for number, item in enumerate(_array(file) if start == "[" else _lines(start, file), start=1):
            if not isinstance(item, dict):
                raise ValueError(f"{path}: item {number} is no JSON object")
            yield item


def _lines(start: str, file: IO[str]) -> Iterator[Any]:
    for number, line in enumerate(file, start=1):
        if text := (start + line if number == 1 else line).strip():
            try:
                yield json.loads(text)
            except ValueError as error:
                raise ValueError(f"{file.name}: line {number} is not JSON: {error}") from error


def _array(file: IO[str]) -> Iterator[Any]:
    """The items of an array whose bracket has been read."""
    decode, text, at, need = json.JSONDecoder().raw_decode, "", 0, _PIECE
    while True:
        space = _SPACE.match(text, at)
        assert space is not None, "the pattern matches the empty text"
        at = space.end()
        if text.startswith("]", at):
            return
        try:
            item, at = decode(text, at)
        except ValueError as error:
            more = file.read(need)
            if not more:
                raise ValueError(f"{file.name}: the JSON array breaks off: {error}") from error
            text, at, need = text[at:] + more, 0, need * 2  # doubled: a long item is not parsed again at every piece
            continue
        yield item
        need = _PIECE
