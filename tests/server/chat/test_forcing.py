"""Calls that are demanded, from the request to a model that knows nothing of tools."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from doubletime import LLM, SamplingParams
from doubletime.decoding.structured.grammar import check
from doubletime.server.chat.dialect import Dialect
from doubletime.server.chat.fields import ChatRequest
from doubletime.server.chat.forcing import forced
from doubletime.server.chat.message import WholeMessage
from doubletime.server.chat.reading import reading_of
from doubletime.server.declare import read

UNIT = {"enum": ["day", "hour"]}
NODE = {
    "type": "object",
    "properties": {"unit": {"$ref": "#/$defs/Unit"}, "next": {"$ref": "#"}},
    "required": ["unit"],
    "$defs": {"Unit": UNIT},
}
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "wait", "parameters": NODE}},
    {"type": "function", "function": {"name": "go"}},
]


def request(**fields: Any) -> ChatRequest:
    return read(ChatRequest, {"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": TOOLS, **fields})


def test_references_of_a_schema_lead_to_where_it_has_moved() -> None:
    constraint = forced(request(tool_choice="required"))
    check(constraint)
    moved = json.loads(constraint.text)["$defs"]["0"]
    assert moved["properties"] == {"unit": {"$ref": "#/$defs/0/$defs/Unit"}, "next": {"$ref": "#/$defs/0"}}
    assert moved["$defs"] == {"Unit": UNIT}


@pytest.mark.parametrize("word", ["additionalProperties", "anyOf", "$ref"])
def test_a_schema_is_closed_unless_it_says_what_else_may_come(word: str) -> None:
    value: Any = {"additionalProperties": {"type": "string"}, "anyOf": [{}], "$ref": "#/$defs/A"}[word]
    tool: Any = {"type": "function", "function": {"name": "go", "parameters": {"$defs": {"A": {}}, word: value}}}
    named = {"type": "function", "function": {"name": "go"}}
    constraint = json.loads(forced(request(tools=[tool], tool_choice=named)).text)
    assert constraint[word] == value
    assert constraint.get("additionalProperties") in (None, value)


@pytest.fixture(scope="module")
def llm() -> Iterator[LLM]:
    with LLM(kv_memory="16MB") as loaded:
        yield loaded


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"tool_choice": {"type": "function", "function": {"name": "wait"}}}, {"wait"}),
        ({"tool_choice": {"type": "function", "function": {"name": "go"}}}, {"go"}),
        ({"tool_choice": "required"}, {"wait", "go"}),
        ({"tool_choice": "required", "parallel_tool_calls": False}, {"wait", "go"}),
    ],
)
def test_even_a_model_that_knows_no_tools_calls_them_rightly(llm: LLM, fields: Any, names: set[str]) -> None:
    asked = request(**fields)
    params = SamplingParams(n=4, temperature=1.5, max_tokens=200, seed=5, structured=forced(asked))
    (output,) = llm.generate([llm.chat_prompt([{"role": "user", "content": "Call a tool."}])], params)
    reading = reading_of(asked, Dialect(), "")
    for choice in output.outputs:
        calls = WholeMessage(reading, choice.text).to_json().get("tool_calls", [])
        if choice.finish_reason == "stop":
            assert calls
        for call in calls:
            assert call["function"]["name"] in names
            arguments = json.loads(call["function"]["arguments"])
            assert set(arguments) <= ({"unit", "next"} if call["function"]["name"] == "wait" else set())
    assert any(choice.finish_reason == "stop" for choice in output.outputs)
