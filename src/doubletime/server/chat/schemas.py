"""The JSON schemas of tools, looked at as far as every reader of schemas agrees."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from doubletime.server import fields as f
from doubletime.server.errors import bad

MAX_DEPTH = 64
_TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")  # objects of schemas
_LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")


def check_schema(name: str, schema: Any, depth: int = 0) -> None:
    """Raises ApiError that names the place where something is no schema."""
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise bad(name, f"{name} must be a JSON schema: an object, true or false")
    if depth > MAX_DEPTH:
        raise bad(name, f"{name} is nested more than {MAX_DEPTH} levels deep")
    _check_words(name, schema)
    for place, inner in _inner(name, schema):
        check_schema(place, inner, depth + 1)


def _check_words(name: str, schema: dict[str, Any]) -> None:
    kinds = schema.get("type", [])
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if not isinstance(kind, str) or kind not in _TYPES:
            raise bad(f"{name}.type", f"{name}.type must be {', '.join(sorted(_TYPES))} or a list of these")
    needed = schema.get("required", [])
    if not isinstance(needed, list) or not all(isinstance(item, str) for item in needed):
        raise bad(f"{name}.required", f"{name}.required must be a list of names")
    if not isinstance(schema.get("enum", []), list):
        raise bad(f"{name}.enum", f"{name}.enum must be a list")
    if not isinstance(schema.get("$ref", ""), str):
        raise bad(f"{name}.$ref", f"{name}.$ref must be a string")


def _inner(name: str, schema: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """The schemas right inside a schema, with their places."""
    for word in _NAMED:
        named = schema.get(word, {})
        if not isinstance(named, dict):
            raise bad(f"{name}.{word}", f"{name}.{word} must be an object of schemas")
        yield from ((f"{name}.{word}.{key}", item) for key, item in named.items())
    for word in _LISTS:
        listed = schema.get(word, [])
        if not isinstance(listed, list):
            raise bad(f"{name}.{word}", f"{name}.{word} must be a list of schemas")
        yield from ((f"{name}.{word}[{at}]", item) for at, item in enumerate(listed))
    for word in _SINGLE:
        if word in schema:
            yield f"{name}.{word}", schema[word]


def _parameters(name: str, value: Any) -> dict[str, Any]:
    """The schema of arguments, which are always an object."""
    if not isinstance(value, dict):
        raise bad(name, f"{name} must be a JSON schema: an object")
    check_json(name, value)
    check_schema(name, value)
    if value.get("type", "object") != "object":
        raise bad(f"{name}.type", f"{name}.type must be object: arguments have names")
    return {"type": "object"} | value


def check_json(name: str, value: Any, depth: int = 0) -> None:
    """Raises ApiError for what no template and no grammar can take: deep nesting and halves of surrogate pairs."""
    if depth > 4 * MAX_DEPTH:
        raise bad(name, f"{name} is nested too deeply")
    if isinstance(value, str):
        f.text(name, value)
    elif isinstance(value, dict):
        for key, item in value.items():
            f.text(name, key)
            check_json(name, item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            check_json(name, item, depth + 1)


PARAMETERS = f.Kind(_parameters, {"type": "object"})
