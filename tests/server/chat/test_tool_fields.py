"""The fields of tools, templates and messages: done, or refused by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.server.chat.conftest import ADD, ASK, LOOK, TOOLS, MakeChat

CALL = {"id": "123456789", "type": "function", "function": {"name": "look", "arguments": '{"at": "x"}'}}


def function(**fields: Any) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": {"name": "look", **fields}}]}


def schema(**parameters: Any) -> dict[str, Any]:
    return function(parameters=parameters)


def deep(levels: int) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for _ in range(levels):
        nested = {"properties": {"a": nested}}
    return nested


P = "tools[0].function.parameters"


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"tools": {}}, "tools", "must be a list"),
        ({"tools": [LOOK] * 129}, "tools", "128"),
        ({"tools": [LOOK, LOOK]}, "tools[1].function.name", "two functions have the name 'look'"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type", "must be function"),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "required"),
        (function(name="look up"), "tools[0].function.name", "letters, digits"),
        (function(name=""), "tools[0].function.name", "from 1 to 64"),
        (function(strict="yes"), "tools[0].function.strict", "true or false"),
        (function(returns={}), "tools[0].function.returns", "not supported"),
        (function(parameters=[]), P, "JSON schema"),
        (schema(type="string"), f"{P}.type", "must be object"),
        (schema(type="map"), f"{P}.type", "must be array"),
        (schema(properties=[]), f"{P}.properties", "object of schemas"),
        (schema(properties={"a": {"type": 5}}), f"{P}.properties.a.type", "must be array"),
        (schema(properties={"a": "string"}), f"{P}.properties.a", "JSON schema"),
        (schema(anyOf={"a": 1}), f"{P}.anyOf", "list of schemas"),
        (schema(anyOf=[1]), f"{P}.anyOf[0]", "JSON schema"),
        (schema(required="a"), f"{P}.required", "list of names"),
        (schema(properties={"a": {"enum": "x"}}), f"{P}.properties.a.enum", "must be a list"),
        (schema(properties={"a": {"$ref": 1}}), f"{P}.properties.a.$ref", "must be a string"),
        (schema(**deep(70)), None, "64 levels"),
        (schema(default=[[[]]] and deep(200)), P, "too deeply"),
        ({"tool_choice": "auto"}, "tool_choice", "none without tools"),
        ({"tool_choice": "any", "tools": TOOLS}, "tool_choice", "auto, none, required"),
        ({"tool_choice": {"type": "function"}, "tools": TOOLS}, "tool_choice.function", "required"),
        (
            {"tool_choice": {"type": "function", "function": {"name": "fly"}}, "tools": TOOLS},
            "tool_choice",
            "demands 'fly', but the tools are look, add",
        ),
        ({"parallel_tool_calls": True}, "parallel_tool_calls", "only with tools"),
        ({"tools": TOOLS, "response_format": {"type": "json_object"}}, "tools", "response_format do not go together"),
        (
            {"tools": TOOLS, "guided_regex": "a", "tool_choice": "required"},
            "tools",
            "guided_regex do not go together",
        ),
        (
            schema(properties={"a": {"$ref": "#/$defs/A"}}) | {"tool_choice": "required"},
            "tools",
            "tools: the JSON schema cannot be used",
        ),
        ({"functions": [LOOK]}, "functions", "send tools"),
        ({"chat_template": "x"}, "chat_template", "the template is the checkpoint's"),
        ({"top_logprobs": 1}, "top_logprobs", "only when logprobs"),
        ({"chat_template_kwargs": []}, "chat_template_kwargs", "JSON object"),
        ({"chat_template_kwargs": {"messages": []}}, "chat_template_kwargs.messages", "cannot set messages"),
        ({"chat_template_kwargs": {"a": "\ud800"}}, "chat_template_kwargs", "surrogate"),
        ({"chat_template_kwargs": {"open": deep(200)}}, "chat_template_kwargs", "too deeply"),
        ({"chat_template_kwargs": {"sky": 1}}, "chat_template_kwargs.sky", "reads no sky"),
        ({"reasoning_effort": "huge"}, "reasoning_effort", "must be"),
        ({"reasoning_effort": "low"}, "reasoning_effort", "reads no reasoning_effort"),
        ({"continue_final_message": True}, "continue_final_message", "an assistant's text"),
        (
            {
                "messages": [{"role": "assistant", "content": "It"}],
                "continue_final_message": True,
                "add_generation_prompt": True,
            },
            "add_generation_prompt",
            "send one of them",
        ),
    ],
)
def test_a_field_that_is_wrong_is_named(
    chat: MakeChat, fields: dict[str, Any], param: str | None, message: str
) -> None:
    body = json.dumps({"model": "tiny", "messages": ASK} | fields)  # escaped, so that half of a pair can be sent
    reply = chat().http.post("/v1/chat/completions", content=body)
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert message in error["message"]
    if param is not None:
        assert error["param"] == param


def assistant(**fields: Any) -> list[dict[str, Any]]:
    return [{"role": "assistant", **fields}]


def called(**fields: Any) -> list[dict[str, Any]]:
    return assistant(tool_calls=[CALL | {"function": {"name": "look", **fields}}])


CALLED = "messages[0].tool_calls[0]"


@pytest.mark.parametrize(
    ("messages", "param", "message"),
    [
        (assistant(), "messages[0].content", "required"),
        (assistant(tool_calls=[]), "messages[0].content", "required"),
        (assistant(tool_calls={}), "messages[0].tool_calls", "must be a list"),
        (assistant(tool_calls=[{"id": "1"}]), f"{CALLED}.function", "required"),
        (called(arguments={}), f"{CALLED}.function.arguments", "must be a string"),
        (called(arguments="{"), f"{CALLED}.function.arguments", "not valid JSON"),
        (called(arguments='{"a": NaN}'), f"{CALLED}.function.arguments", "not valid JSON"),
        (called(arguments="[" * 100_000), f"{CALLED}.function.arguments", "not valid JSON"),
        (called(arguments="[1]"), f"{CALLED}.function.arguments", "JSON text of an object"),
        (called(arguments='{"a": "\\ud800"}'), f"{CALLED}.function.arguments", "surrogate"),
        ([{"role": "user", "content": "x", "tool_calls": [CALL]}], "messages[0].tool_calls", "role assistant"),
        ([{"role": "user", "content": "x", "tool_call_id": "1"}], "messages[0].tool_call_id", "role tool"),
        ([{"role": "user", "content": "x", "reasoning": "y"}], "messages[0].reasoning", "role assistant"),
        ([{"role": "tool", "content": "x"}], "messages[0].tool_call_id", "required"),
        ([{"role": "function", "content": "x"}], "messages[0].role", "must be system"),
        (assistant(content="x", reasoning="a", reasoning_content="b"), "messages[0].reasoning", "send one of"),
        (assistant(content="x", audio={"id": "1"}), "messages[0].audio", "not supported"),
    ],
)
def test_a_message_that_is_wrong_is_named(chat: MakeChat, messages: list[Any], param: str, message: str) -> None:
    reply = chat().http.post("/v1/chat/completions", json={"model": "tiny", "messages": messages})
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert message in error["message"]
    assert error["param"] == param


def test_tools_need_a_template_that_shows_them_and_a_parser(chat: MakeChat) -> None:
    body = {"model": "tiny", "messages": ASK, "tools": [ADD]}
    reply = chat("plain").http.post("/v1/chat/completions", json=body).json()
    assert "template does not show them; tool_choice required works" in reply["error"]["message"]
    reply = chat("hermes", tool_parser="none").http.post("/v1/chat/completions", json=body).json()
    assert "--tool-parser" in reply["error"]["message"]


@pytest.mark.parametrize("fields", [{"tools": []}, {"tools": [], "tool_choice": "none"}])
def test_no_tools_are_none(chat: MakeChat, fields: dict[str, Any]) -> None:
    server = chat("plain")
    server.says("Hi.")
    assert server.ask(**fields).message.content == "Hi."
