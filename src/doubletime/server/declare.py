"""Requests as dataclasses whose fields say how they are read; the same words give the OpenAPI schema and the docs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, ClassVar, TypeVar

from doubletime.server.fields import Fields, Json, Kind

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Declared:
    """The base of what `read` makes. Every field is made by `required` or `optional`."""

    REFUSED: ClassVar[Mapping[str, str]] = {}  # fields that clients know, and why they are not taken; bases' too

    def __post_init__(self) -> None:
        """Checks what spans several fields. Raises ApiError."""


D = TypeVar("D", bound=Declared)


def required(kind: Kind[T], note: str) -> T:
    """A field that must be there. `note` says what it does."""
    made: T = field(metadata={"kind": kind, "note": note})
    return made


def optional(kind: Kind[T], default: T, note: str) -> T:
    """A field that may be left out, or be null."""
    made: T = field(default=default, metadata={"kind": kind, "note": note})
    return made


def read(cls: type[D], value: Any, at: str = "") -> D:
    """A request from JSON. Raises ApiError that names the field."""
    given = Fields(value, at)
    found = {item.name: _take(given, item) for item in fields(cls)}
    given.done(refused_of(cls))
    return cls(**found)


def refused_of(cls: type[Declared]) -> dict[str, str]:
    """The fields that are not taken, with why: the class's own and those of its bases."""
    own = [vars(base).get("REFUSED", {}) for base in reversed(cls.__mro__)]
    return {name: reason for reasons in own for name, reason in reasons.items()}


def nested(cls: type[D]) -> Kind[D]:
    """A field that is itself a declared object."""
    return Kind(lambda name, value: read(cls, value, name), schema_of(cls), cls)


def schema_of(cls: type[Declared]) -> Json:
    """The JSON Schema of what `read` takes."""
    properties = {item.name: _property(item) for item in fields(cls)}
    needed = [item.name for item in fields(cls) if item.default is MISSING]
    found: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    return found | ({"required": needed} if needed else {})


def _take(given: Fields, item: Field[Any]) -> Any:
    kind = item.metadata["kind"]
    if item.default is MISSING:
        return given.need(item.name, kind)
    return given.take(item.name, kind, item.default)


def _property(item: Field[Any]) -> Json:
    schema = dict(item.metadata["kind"].schema)
    if item.default is not MISSING:
        schema = {"anyOf": [schema, {"type": "null"}]}
        if isinstance(item.default, bool | int | float | str):
            schema["default"] = item.default
    return schema | {"description": item.metadata["note"]}
