"""Short names for the pieces of a JSON Schema."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
WHOLE: Json = {"type": "integer"}
NUMBER: Json = {"type": "number"}
FLAG: Json = {"type": "boolean"}
ANYTHING: Json = {"type": "object"}
TOKENS: Json = {"type": "array", "items": WHOLE}


def const(value: str) -> Json:
    return {"type": "string", "const": value}


def maybe(schema: Json) -> Json:
    """It, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def many(schema: Json) -> Json:
    return {"type": "array", "items": schema}


def words(*allowed: str) -> Json:
    return {"type": "string", "enum": list(allowed)}


def thing(optional: Json | None = None, /, **required: Json) -> Json:
    """An object with these properties and no others; `optional` ones may be missing."""
    return {
        "type": "object",
        "properties": required | (optional or {}),
        "required": list(required),
        "additionalProperties": False,
    }


def mapping(values: Json) -> Json:
    return {"type": "object", "additionalProperties": values}


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}
