"""What the output must look like where a call is demanded: JSON that the schemas of the tools allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from doubletime.decoding.structured.spec import Structured
from doubletime.server.chat.tools import Function, ToolFields

_ONE_LINE = {"x-guidance": {"whitespace_pattern": " ?"}}  # as models write calls
_OPEN = ("additionalProperties", "patternProperties", "anyOf", "allOf", "oneOf", "$ref", "if", "unevaluatedProperties")


def forced(request: ToolFields) -> Structured:
    """The arguments of the named tool; or one call, or a list of calls, as {"name": …, "arguments": {…}}."""
    functions = [tool.function for tool in request.tools]
    if request.choice.mode == "named":
        (function,) = (item for item in functions if item.name == request.choice.name)
        return Structured.schema({**_closed(function.schema), **_ONE_LINE})
    return Structured.schema(_calls(functions, many=not request.one_call) | _ONE_LINE)


def _calls(functions: Sequence[Function], many: bool) -> dict[str, Any]:
    one = {"anyOf": [_call(function.name, at) for at, function in enumerate(functions)]}
    definitions = {str(at): _moved(_closed(item.schema), f"#/$defs/{at}") for at, item in enumerate(functions)}
    schema = {"type": "array", "items": one, "minItems": 1} if many else one
    return schema | {"$defs": definitions}


def _call(name: str, at: int) -> dict[str, Any]:
    properties = {"name": {"const": name}, "arguments": {"$ref": f"#/$defs/{at}"}}
    return {
        "type": "object",
        "properties": properties,
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _closed(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without arguments that the schema does not mention, which JSON Schema allows and nobody wants."""
    return schema if any(word in schema for word in _OPEN) else {**schema, "additionalProperties": False}


def _moved(schema: Any, to: str) -> Any:
    """The same schema at another place of a document: its references to itself lead there."""
    if isinstance(schema, list):
        return [_moved(item, to) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    moved = {key: _moved(value, to) for key, value in schema.items()}
    reference = moved.get("$ref")
    return moved | {"$ref": to + reference[1:]} if isinstance(reference, str) and reference[:1] == "#" else moved
