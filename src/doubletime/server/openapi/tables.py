"""The field tables of docs/server.md, from the declarations that read the requests.

`python -m doubletime.server.openapi.tables docs/server.md` brings the tables between its marks up to date.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from doubletime.server.chat.fields import ChatRequest
from doubletime.server.completions.fields import CompletionRequest
from doubletime.server.declare import Declared, refused_of
from doubletime.server.embeddings.fields import EmbeddingRequest
from doubletime.server.fields import Json
from doubletime.server.metadata_fields import MetadataFields
from doubletime.server.responses.fields import ResponseRequest
from doubletime.server.sampling_fields import SamplingFields
from doubletime.server.structured_fields import StructuredFields
from doubletime.server.tokens.fields import DetokenizeRequest, TokenizeRequest

_SHARED = (StructuredFields, MetadataFields)
_TABLES: dict[str, tuple[type[Declared], tuple[type[Declared], ...]]] = {  # mark → class, without the fields of these
    "shared": (SamplingFields, _SHARED),
    "structured": (StructuredFields, ()),
    "metadata": (MetadataFields, ()),
    "completions": (CompletionRequest, (SamplingFields,)),
    "chat": (ChatRequest, (SamplingFields,)),
    "responses": (ResponseRequest, (MetadataFields,)),
    "embeddings": (EmbeddingRequest, ()),
    "tokenize": (TokenizeRequest, ()),
    "detokenize": (DetokenizeRequest, ()),
}
_PLURAL = re.compile(r"^(text|object|list|(?:whole )?number)")
_MARKED = re.compile(r"(<!-- (fields|refused): (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def up_to_date(text: str) -> str:
    """The text with every marked table made anew."""
    return _MARKED.sub(lambda found: found[1] + _table(found[2], found[3]) + found[4], text)


def _table(kind: str, name: str) -> str:
    cls, without = _TABLES[name]
    return _fields(cls, without) if kind == "fields" else _refused(cls, without)


def _fields(cls: type[Declared], without: tuple[type[Declared], ...]) -> str:
    known = {item.name for base in without for item in fields(base)}
    rows = [row for item in fields(cls) if item.name not in known for row in _rows(item)]
    return "| field | takes | default | |\n|---|---|---|---|\n" + "".join(rows)


def _rows(item: Field[Any], at: str = "") -> Iterable[str]:
    """A field, and those of the object that it holds."""
    kind, name = item.metadata["kind"], at + item.name
    default = "required" if item.default is MISSING else _default(item.default)
    what = takes(kind.schema) if kind.made is None else "object"
    yield f"| `{name}` | {what} | {default} | {item.metadata['note']} |\n"
    for inner in fields(kind.made) if kind.made else ():
        yield from _rows(inner, f"{name}.")


def _refused(cls: type[Declared], without: tuple[type[Declared], ...]) -> str:
    known = {row for base in without for row in _refusals(base)}
    return "| field | why not |\n|---|---|\n" + "".join(row for row in _refusals(cls) if row not in known)


def _refusals(cls: type[Declared], at: str = "") -> Iterable[str]:
    for name, reason in refused_of(cls).items():
        yield f"| `{at}{name}` | {reason} |\n"
    for item in fields(cls):
        made = item.metadata["kind"].made
        if made is not None:
            yield from _refusals(made, f"{at}{item.name}.")


def _default(value: Any) -> str:
    match value:
        case None | () | "":
            return ""
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def takes(schema: Json) -> str:
    """A JSON Schema in a few words."""
    if "anyOf" in schema:
        objects = [item for item in schema["anyOf"] if item.get("type") == "object"]
        if len(objects) > 1:
            return "object"
        return ", or ".join(dict.fromkeys(takes(item) for item in schema["anyOf"]))
    if "enum" in schema:
        return " \\| ".join(f"`{word}`" for word in schema["enum"])
    if "const" in schema:
        return f"`{str(schema['const']).lower()}`"
    match schema.get("type"):
        case "array":
            return "list of " + _PLURAL.sub(r"\1s", takes(schema["items"])) if "items" in schema else "list"
        case "integer":
            return "whole number" + _range(schema)
        case "number":
            return "number" + _range(schema)
        case "string":
            return "text"
        case "boolean":
            return "true, false"
        case _:
            names = ", ".join(f"`{name}`" for name in schema.get("properties", ()))
            return f"object of {names}" if names else "object"


def _range(schema: Json) -> str:
    """Unless it is as good as unbounded."""
    least, most = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
    if least is None:
        return ""
    from_ = f" over {least:g}" if "exclusiveMinimum" in schema else f" from {least:g}" if least > -(1 << 31) else ""
    return from_ + (f" to {most:g}" if most is not None and most < 1 << 20 else "")


if __name__ == "__main__":
    for file in map(Path, sys.argv[1:]):
        file.write_text(up_to_date(file.read_text(encoding="utf-8")), encoding="utf-8")
