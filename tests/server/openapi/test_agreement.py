"""What reads a field and what describes it agree, value by value."""

from __future__ import annotations

from dataclasses import Field, fields
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from doubletime.server.chat.fields import ChatRequest
from doubletime.server.completions.fields import CompletionRequest
from doubletime.server.declare import Declared, read, schema_of
from doubletime.server.embeddings.fields import EmbeddingRequest
from doubletime.server.errors import ApiError
from doubletime.server.openapi.operations import OPERATIONS
from doubletime.server.responses.fields import ResponseRequest
from doubletime.server.tokens.fields import DetokenizeRequest, TokenizeRequest

REQUESTS = (
    ChatRequest, CompletionRequest, EmbeddingRequest, ResponseRequest, DetokenizeRequest, TokenizeRequest
)  # fmt: skip
MORE_THAN_A_SCHEMA_SAYS = {  # readers that look deeper than JSON Schema can
    "response_format", "structured_outputs", "text", "messages", "tools", "chat_template_kwargs", "guided_json",
}  # fmt: skip
CHECKED_AGAINST_THE_VOCABULARY = {"prompt", "input", "tokens"}  # after they have been read
USER = {"role": "user", "content": "x"}
FUNCTION = {"name": "f", "parameters": {"type": "object"}}
VALUES: tuple[Any, ...] = (
    True, False, 0, 1, -1, -2, 2, 16, 20, 21, 128, 129, 1000, 1001, 1 << 31, (1 << 31) + 1, 1 << 63, -(1 << 63) - 1,
    0.5, -0.5, 1.5, 2.5, -2.5, 1e300,
    "", "x", "x" * 257, "text", "auto", "default", "float", "last", "function", "disabled", "none", "low",
    [], [1], [0, 5], [-1], ["x"], [""], ["x"] * 17, [[1]], [["x"]], [[]], [None], [True], [1, "x"],
    {}, {"7": 1}, {"7": 101}, {"x": 1}, {"x": "y"}, {"x": "y" * 513}, {"7": True}, {"type": "text"},
    {"type": "json_object"}, {"type": "x"}, {"include_usage": True}, {"include_usage": 1}, {"effort": "low"},
    {"regex": "x"}, {"regex": ""}, {"choice": ["x"]}, {"format": {"type": "text"}}, {"include_obfuscation": True},
    [USER], [USER | {"role": "x"}], [USER | {"more": 1}], [{"type": "function", "function": FUNCTION}],
    [{"type": "function"} | FUNCTION], [{"type": "function_call_output", "call_id": "x", "output": "y"}],
    ["message.output_text.logprobs"], {"type": "function", "name": "f"},
    {"type": "function", "function": {"name": "f"}},
)  # fmt: skip


def reads(item: Field[Any], value: Any) -> bool:
    try:
        item.metadata["kind"](item.name, value)
    except ApiError:
        return False
    return True


@pytest.mark.parametrize(
    ("cls", "item"),
    [(cls, item) for cls in REQUESTS for item in fields(cls)],
    ids=lambda it: getattr(it, "name", "") or getattr(it, "__name__", ""),
)
def test_a_field_is_described_as_it_is_read(cls: type[Declared], item: Field[Any]) -> None:
    described = Draft202012Validator(item.metadata["kind"].schema)
    values = [value for value in VALUES if value != [-1] or item.name not in CHECKED_AGAINST_THE_VOCABULARY]
    taken = [value for value in values if reads(item, value)]
    assert taken, "no value of the list fits: add one"
    assert [value for value in taken if not described.is_valid(value)] == []
    if item.name not in MORE_THAN_A_SCHEMA_SAYS:
        assert [value for value in values if described.is_valid(value) and value not in taken] == []


def test_every_route_with_a_body_is_looked_at() -> None:
    assert {operation.body for operation in OPERATIONS} - {None} == set(REQUESTS)


@pytest.mark.parametrize("cls", REQUESTS)
def test_a_field_that_is_not_described_is_refused(cls: type[Declared]) -> None:
    assert schema_of(cls)["additionalProperties"] is False
    needed = {"model": "m", "prompt": "x", "messages": [USER], "input": "x", "tokens": [1]}
    body = {name: needed[name] for name in schema_of(cls).get("required", ["prompt"])}
    read(cls, body)
    with pytest.raises(ApiError, match="frobnicate is not supported"):
        read(cls, body | {"frobnicate": 1})
