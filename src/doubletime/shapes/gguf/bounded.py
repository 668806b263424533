"""Reads little-endian numbers and strings from a file, and never past its end."""

from __future__ import annotations

import os
import struct
from typing import Any, BinaryIO

_LENGTH = struct.Struct("<Q")


class BadGGUF(ValueError):
    """A file that is not a complete, well-formed GGUF file. The message says what is wrong, and where."""


class Bounded:
    """A binary file that knows its size: no more is asked of memory than the file can hold."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = os.fstat(file.fileno()).st_size

    @property
    def position(self) -> int:
        return self._file.tell()

    def take(self, count: int, what: str) -> bytes:
        """The next `count` bytes; `what` is for the error."""
        data = self._file.read(count) if count <= self.size else b""
        if len(data) != count:
            raise BadGGUF(f"the file ends inside {what}: it is truncated or damaged")
        return data

    def number(self, form: str, what: str) -> Any:
        """One number in the notation of `struct`."""
        return struct.unpack(f"<{form}", self.take(struct.calcsize(form), what))[0]

    def count(self, what: str, least: int) -> int:
        """A 64-bit count of things that take at least `least` bytes each."""
        found: int = self.number("Q", what)
        if found * least > self.size:
            raise BadGGUF(f"{what} is {found}, more than the file has room for: it is truncated or damaged")
        return found

    def text(self, what: str) -> str:
        return self.texts(1, what)[0]

    def texts(self, count: int, what: str) -> list[str]:
        """Strings, each after its length. A vocabulary has 100,000s: nothing is called that need not be."""
        read, size, found = self._file.read, self.size, []
        for _ in range(count):
            head = read(8)
            length = _LENGTH.unpack(head)[0] if len(head) == 8 else size + 1
            data = read(length) if length <= size else b""
            if len(data) != length:
                raise BadGGUF(f"the file ends inside {what}: it is truncated or damaged")
            try:
                found.append(data.decode())
            except UnicodeDecodeError:
                raise BadGGUF(f"{what} is not UTF-8") from None
        return found
