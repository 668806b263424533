"""Reads an architecture's metadata strictly: a key that nobody has read and that could change the result is refused."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from doubletime.shapes.gguf.values import Value
from doubletime.shapes.model_shape import UnsupportedModel

_INERT = frozenset({"vocab_size", "rope.scaling.original_context_length", "rope.scaling.finetuned"})


class Keys:
    """The keys `ARCHITECTURE.name` of a file, by name. What is absent, and has no default, is refused."""

    def __init__(self, architecture: str, metadata: Mapping[str, Value]) -> None:
        self.architecture = architecture
        prefix = f"{architecture}."
        self._values = {key.removeprefix(prefix): v for key, v in metadata.items() if key.startswith(prefix)}
        self._read: set[str] = set(_INERT)

    def get(self, name: str) -> Value | None:
        """The value, None where there is none. A list with one value per layer, all equal, is that value."""
        self._read.add(name)
        value = self._values.get(name)
        same = isinstance(value, list) and value and all(each == value[0] for each in value)
        return value[0] if same and isinstance(value, list) else value

    def integer(self, name: str, default: int | None = None) -> int:
        value = self.get(name)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.refusal(name, value, "a whole number is needed")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        value = self.get(name)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refusal(name, value, "a number is needed")
        return shortest(float(value))

    def only(self, name: str, *allowed: Value) -> None:
        """Refuses `name` unless it is absent or one of the values that doubletime computes."""
        value = self.get(name)
        if value is not None and value not in allowed:
            raise self.refusal(name, value, f"supported: {', '.join(map(repr, allowed))}, or absent")

    def done(self) -> None:
        """Refuses the first key that has a value and that no one has read."""
        for name, value in self._values.items():
            if name not in self._read and value not in (0, "", []):
                raise self.refusal(name, value, "doubletime does not know this key")

    def refusal(self, name: str, value: Value | None, why: str) -> UnsupportedModel:
        shown = repr(value) if len(repr(value)) < 80 else f"{repr(value)[:80]}…"
        return UnsupportedModel(f"unsupported GGUF key {self.architecture}.{name} = {shown}: {why}")


def shortest(value: float) -> float:
    """The shortest decimal that is the same number in float32: 1e-05 for what is stored as 9.99999974737875e-06."""
    rounded = (float(f"{value:.{digits}g}") for digits in range(6, 10))
    return next((short for short in rounded if _float32(short) == _float32(value)), value)


def _float32(value: float) -> bytes:
    try:
        return struct.pack("<f", value)
    except OverflowError:
        return b""
