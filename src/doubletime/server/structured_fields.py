"""The request fields that say what an output must look like: OpenAI's, vLLM's, and vLLM's older ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from doubletime.decoding.structured.spec import Structured
from doubletime.server import fields as f
from doubletime.server.chat.schemas import check_json
from doubletime.server.declare import Declared, nested, optional, required
from doubletime.server.errors import bad

MAX_CHOICES = 10_000
MAX_GRAMMAR = 1 << 20  # characters


def _schema(name: str, value: Any) -> Structured:
    """A JSON schema as an object, or as its text."""
    schema = value if isinstance(value, dict) else _parsed(name, _long_text(name, value))
    check_json(name, schema)
    return _made(name, lambda: Structured.schema(value))


def _parsed(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise bad(name, f"{name}: the JSON schema is not JSON: {error}") from error


def _long_text(name: str, value: Any) -> str:
    text = f.text(name, value)
    if not 1 <= len(text) <= MAX_GRAMMAR:
        raise bad(name, f"{name} must have from 1 to {MAX_GRAMMAR} characters, not {len(text)}")
    return text


def _regex(name: str, value: Any) -> Structured:
    text = _long_text(name, value)
    return _made(name, lambda: Structured("regex", text))


def _grammar(name: str, value: Any) -> Structured:
    text = _long_text(name, value)
    return _made(name, lambda: Structured("grammar", text))


def _choice(name: str, value: Any) -> Structured:
    choices = f.list_of(f.text, MAX_CHOICES)(name, value)
    return _made(name, lambda: Structured("choice", choices=choices))


def _made(name: str, make: Callable[[], Structured]) -> Structured:
    try:
        return make()
    except (ValueError, TypeError) as error:
        raise bad(name, f"{name}: {error}") from error


_TEXT = {"type": "string", "minLength": 1, "maxLength": MAX_GRAMMAR}
SCHEMA = f.Kind(_schema, {"anyOf": [{"type": "object"}, _TEXT]})
REGEX = f.Kind(_regex, _TEXT)
GRAMMAR = f.Kind(_grammar, _TEXT)
_WORD = {"type": "string", "minLength": 1}
CHOICE = f.Kind(_choice, {"type": "array", "items": _WORD, "minItems": 1, "maxItems": MAX_CHOICES})


@dataclass(frozen=True, kw_only=True)
class JsonSchema(Declared):
    name: str = required(f.text, "what the schema is called; no effect on the answer")
    schema: Structured = required(SCHEMA, "the JSON schema; the answer always follows it")  # noqa: RUF009
    strict: bool = optional(f.flag, False, "the answer follows the schema with true and with false")
    description: str = optional(f.text, "", "for the reader of the request; no effect on the answer")


@dataclass(frozen=True, kw_only=True)
class ResponseFormat(Declared):
    """OpenAI's."""

    type: str = required(f.one_of("text", "json_object", "json_schema"), "json_object is any JSON object")
    json_schema: JsonSchema | None = optional(nested(JsonSchema), None, "with type json_schema")  # noqa: RUF009

    def __post_init__(self) -> None:
        if (self.type == "json_schema") != (self.json_schema is not None):
            raise bad("response_format.json_schema", "response_format.json_schema belongs to the type json_schema")

    @property
    def structured(self) -> Structured | None:
        if self.json_schema is not None:
            return self.json_schema.schema
        return Structured("json_object") if self.type == "json_object" else None


@dataclass(frozen=True, kw_only=True)
class StructuredOutputs(Declared):
    """vLLM's."""

    json: Structured | None = optional(SCHEMA, None, "a JSON schema, as an object or as its text")  # noqa: RUF009
    regex: Structured | None = optional(REGEX, None, "a regular expression that matches the whole answer")  # noqa: RUF009
    choice: Structured | None = optional(CHOICE, None, "texts, one of which is the answer")  # noqa: RUF009
    grammar: Structured | None = optional(GRAMMAR, None, "a Lark grammar")  # noqa: RUF009
    json_object: bool = optional(f.flag, False, "any JSON object")

    @property
    def all(self) -> list[Structured]:
        """Every constraint that is set; one is right."""
        whole = Structured("json_object") if self.json_object else None
        return [item for item in (self.json, self.regex, self.choice, self.grammar, whole) if item is not None]

    def __post_init__(self) -> None:
        if len(self.all) != 1:
            raise bad(
                "structured_outputs", "structured_outputs must hold one of json, regex, choice, grammar, json_object"
            )


@dataclass(frozen=True, kw_only=True)
class StructuredFields(Declared):
    response_format: ResponseFormat | None = optional(nested(ResponseFormat), None, "text, json_object, or json_schema")  # noqa: RUF009
    structured_outputs: StructuredOutputs | None = optional(  # noqa: RUF009
        nested(StructuredOutputs), None, "vLLM's name for what the answer must look like"
    )
    guided_json: Structured | None = optional(SCHEMA, None, "as structured_outputs.json")  # noqa: RUF009
    guided_regex: Structured | None = optional(REGEX, None, "as structured_outputs.regex")  # noqa: RUF009
    guided_choice: Structured | None = optional(CHOICE, None, "as structured_outputs.choice")  # noqa: RUF009
    guided_grammar: Structured | None = optional(GRAMMAR, None, "as structured_outputs.grammar")  # noqa: RUF009

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self._constraints) > 1:
            raise bad(
                self._constraints[1][0], f"{' and '.join(name for name, _ in self._constraints)}: send one of them"
            )

    @property
    def _constraints(self) -> list[tuple[str, Structured]]:
        """All that say something, with the field that does."""
        found: dict[str, Structured | None] = {
            "response_format": self.response_format.structured if self.response_format else None,
            "structured_outputs": self.structured_outputs.all[0] if self.structured_outputs else None,
            "guided_json": self.guided_json,
            "guided_regex": self.guided_regex,
            "guided_choice": self.guided_choice,
            "guided_grammar": self.guided_grammar,
        }
        return [(name, item) for name, item in found.items() if item is not None]

    @property
    def structured(self) -> tuple[str, Structured] | None:
        """What the output must look like, with the field that says so."""
        return self._constraints[0] if self._constraints else None
