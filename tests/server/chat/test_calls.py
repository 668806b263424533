"""Calls and thoughts as OpenAI's clients see them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from doubletime.core.vocabulary import Finish
from tests.server.chat.conftest import ASK, CALLS, LOOK, TOOLS, MakeChat

TWO = CALLS["hermes"] + '\n<tool_call>{"name": "add", "arguments": {}}</tool_call>'


def gathered(deltas: list[Any]) -> list[dict[str, str]]:
    """The calls that the deltas of a stream add up to, as clients gather them."""
    calls: list[dict[str, str]] = []
    for delta in deltas:
        for part in delta.tool_calls or ():
            if part.id:
                assert part.index == len(calls)
                assert (part.type, part.function.arguments) == ("function", "")
                calls.append({"id": part.id, "name": part.function.name, "arguments": ""})
            else:
                calls[part.index]["arguments"] += part.function.arguments
    return calls


@pytest.mark.parametrize("style", CALLS)
def test_a_call(chat: MakeChat, style: str) -> None:
    server = chat(style)
    server.says("Let me see. \n" + CALLS[style])
    choice = server.ask(tools=TOOLS)
    (call,) = choice.message.tool_calls
    assert (call.type, call.function.name) == ("function", "look")
    assert json.loads(call.function.arguments) == {"at": "the sky"}
    assert len(call.id) == 9
    assert (choice.message.content, choice.finish_reason) == ("Let me see.", "tool_calls")


@pytest.mark.parametrize("style", CALLS)
def test_a_streamed_call(chat: MakeChat, style: str) -> None:
    server = chat(style)
    server.says("Hm. \n" + CALLS[style])
    choices = server.ask(tools=TOOLS, stream=True)
    (call,) = gathered([choice.delta for choice in choices])
    assert (call["name"], json.loads(call["arguments"])) == ("look", {"at": "the sky"})
    assert "".join(choice.delta.content or "" for choice in choices) == "Hm."
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["tool_calls"]
    pieces = [part for choice in choices for part in choice.delta.tool_calls or ()]
    assert len(pieces) > 4, "arguments come in pieces"


def test_an_answer_may_have_several_calls_and_no_content(chat: MakeChat) -> None:
    server = chat()
    server.says(TWO)
    message = server.ask(tools=TOOLS).message
    assert [call.function.name for call in message.tool_calls] == ["look", "add"]
    assert message.content is None
    assert len({call.id for call in message.tool_calls}) == 2
    streamed = gathered([choice.delta for choice in server.ask(tools=TOOLS, stream=True)])
    assert [call["name"] for call in streamed] == ["look", "add"]


def test_without_parallel_calls_the_first_is_told(chat: MakeChat) -> None:
    server = chat()
    server.says(TWO)
    message = server.ask(tools=TOOLS, parallel_tool_calls=False).message
    assert [call.function.name for call in message.tool_calls] == ["look"]
    choices = server.ask(tools=TOOLS, parallel_tool_calls=False, stream=True)
    assert [call["name"] for call in gathered([choice.delta for choice in choices])] == ["look"]


def test_every_choice_has_its_own_calls(chat: MakeChat) -> None:
    server = chat()
    server.says(CALLS["hermes"])
    reply = server.openai.chat.completions.create(model="tiny", messages=ASK, tools=TOOLS, n=3)
    assert [len(choice.message.tool_calls or ()) for choice in reply.choices] == [1, 1, 1]
    choices = server.ask(tools=TOOLS, n=3, stream=True)
    for index in range(3):
        own = [choice for choice in choices if choice.index == index]
        assert [call["name"] for call in gathered([choice.delta for choice in own])] == ["look"]
        assert own[-1].finish_reason == "tool_calls"


def test_the_asynchronous_client_streams_too(chat: MakeChat) -> None:
    server = chat()
    server.says(CALLS["hermes"])

    async def ask() -> list[Any]:
        stream = await server.asynchronous.chat.completions.create(model="tiny", messages=ASK, tools=TOOLS, stream=True)
        return [chunk.choices[0].delta async for chunk in stream]

    assert [call["name"] for call in gathered(asyncio.run(ask()))] == ["look"]


def test_openais_accumulator_of_streams_takes_the_deltas(chat: MakeChat) -> None:
    server = chat()
    server.says("Hm." + TWO)
    with server.openai.chat.completions.stream(model="tiny", messages=ASK, tools=TOOLS) as stream:
        message = stream.get_final_completion().choices[0].message
    assert [call.function.name for call in message.tool_calls or ()] == ["look", "add"]
    assert message.content == "Hm."


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_no_call_is_content(chat: MakeChat, stream: bool) -> None:
    text = 'Write <tool_call>{"name": "fly"}</tool_call>. '
    server = chat()
    server.says(text)
    answer = server.ask(tools=TOOLS, stream=stream)
    if stream:
        assert "".join(choice.delta.content or "" for choice in answer) == text
        assert answer[-1].finish_reason == "stop"
    else:
        assert (answer.message.content, answer.message.tool_calls, answer.finish_reason) == (text, None, "stop")


def test_a_call_that_is_cut_off_is_content_and_in_a_stream_it_ends_where_it_is(chat: MakeChat) -> None:
    server = chat()
    server.says(CALLS["hermes"])
    choice = server.ask(tools=TOOLS, max_tokens=16)
    assert choice.message.content == CALLS["hermes"][:48]
    assert (choice.message.tool_calls, choice.finish_reason) == (None, "length")
    choices = server.ask(tools=TOOLS, max_tokens=16, stream=True)
    assert gathered([choice.delta for choice in choices])[0]["arguments"] == '{"at":'
    assert choices[-1].finish_reason == "length"


def test_broken_arguments_alone_do_not_make_the_answer_one_with_calls(chat: MakeChat) -> None:
    text = '<tool_call>{"name": "look", "arguments": {"at": sky}}</tool_call>'
    server = chat()
    server.says(text)
    choice = server.ask(tools=TOOLS)
    assert (choice.message.content, choice.message.tool_calls, choice.finish_reason) == (text, None, "stop")
    assert server.ask(tools=TOOLS, stream=True)[-1].finish_reason == "stop"


@pytest.mark.parametrize("fields", [{}, {"tools": TOOLS, "tool_choice": "none"}])
def test_without_tools_nothing_is_a_call(chat: MakeChat, fields: dict[str, Any]) -> None:
    server = chat()
    server.says(CALLS["hermes"])
    choice = server.ask(**fields)
    assert (choice.message.content, choice.message.tool_calls) == (CALLS["hermes"], None)
    assert "Tools:" not in server.prompt()


def test_the_parser_may_be_named_when_the_server_starts(chat: MakeChat) -> None:
    server = chat("hermes", tool_parser="mistral")
    server.says(CALLS["mistral"])
    assert server.ask(tools=TOOLS).message.tool_calls[0].function.name == "look"


def test_marks_that_are_special_tokens_are_left_in_the_text_for_the_parser(chat: MakeChat) -> None:
    server = chat("mistral")
    server.says("Hi.")
    server.ask(tools=TOOLS)
    server.ask()
    assert [params.skip_special_tokens for _, params in server.engine.asked] == [False, True]


def test_an_engine_error_in_the_middle_of_a_call_is_an_error(chat: MakeChat) -> None:
    server = chat()
    server.says(CALLS["hermes"])
    server.engine.end = Finish.ERROR
    reply = server.http.post(
        "/v1/chat/completions", json={"model": "tiny", "messages": ASK, "tools": TOOLS, "stream": True}
    )
    assert '"error":{"message"' in reply.text.splitlines()[-2]


@pytest.mark.parametrize("opened", [False, True])
def test_thoughts_are_told_apart(chat: MakeChat, opened: bool) -> None:
    fields: dict[str, Any] = {"extra_body": {"chat_template_kwargs": {"open": 1}}} if opened else {}
    server = chat()
    server.says(("" if opened else "<think>\n") + "Hm, a sky.\n</think>\n\nBlue.")
    message = server.ask(**fields).message
    assert (message.reasoning_content, message.content) == ("Hm, a sky.", "Blue.")
    deltas = [choice.delta for choice in server.ask(**fields, stream=True)]
    assert "".join(getattr(delta, "reasoning_content", "") for delta in deltas) == "Hm, a sky."
    assert "".join(delta.content or "" for delta in deltas) == "Blue."
    assert server.prompt().endswith("<think>\n" if opened else "<assistant>")


def test_thoughts_need_not_be_told(chat: MakeChat) -> None:
    server = chat()
    server.says("<think>Hm.</think>Blue.")
    fields: Any = {"extra_body": {"include_reasoning": False}}
    message = server.ask(**fields).message
    assert (hasattr(message, "reasoning_content"), message.content) == (False, "Blue.")
    assert not any(hasattr(choice.delta, "reasoning_content") for choice in server.ask(**fields, stream=True))


def test_thoughts_may_be_followed_by_calls_and_end_with_the_answer(chat: MakeChat) -> None:
    server = chat()
    server.says("<think>I <tool_call> it.</think>" + CALLS["hermes"])
    message = server.ask(tools=TOOLS).message
    assert (message.reasoning_content, message.content) == ("I <tool_call> it.", None)
    assert message.tool_calls[0].function.name == "look"
    server.says("<think>I never")
    assert server.ask().message.reasoning_content == "I never"


def test_a_model_without_thoughts_writes_tags_as_content(chat: MakeChat) -> None:
    server = chat("plain")
    server.says("<think>Hm.</think>Blue.")
    assert server.ask().message.content == "<think>Hm.</think>Blue."


@pytest.mark.parametrize("stream", [False, True])
def test_log_probabilities_are_those_of_all_tokens(chat: MakeChat, stream: bool) -> None:
    server = chat()
    server.says("<think>Hm.</think>Blue. " + CALLS["hermes"])
    answer = server.ask(tools=TOOLS, logprobs=True, top_logprobs=2, stream=stream)
    choices = answer if stream else [answer]
    told = [entry for choice in choices if choice.logprobs for entry in choice.logprobs.content]
    assert len(told) == len(server.engine.pieces)
    assert {len(entry.top_logprobs) for entry in told} == {2}


def test_token_ids_are_told_where_they_are_asked_for(chat: MakeChat) -> None:
    server = chat()
    server.says(CALLS["hermes"])
    body = {"model": "tiny", "messages": ASK, "tools": TOOLS, "return_token_ids": True}
    reply = server.http.post("/v1/chat/completions", json=body | {"prompt_logprobs": 1}).json()
    assert reply["prompt_token_ids"] == server.engine.asked[0][0]
    assert reply["choices"][0]["token_ids"] == list(range(len(server.engine.pieces)))
    assert len(reply["prompt_logprobs"]) == len(reply["prompt_token_ids"])


class TestForced:
    """The fake engine says what a constrained output would be."""

    def test_a_named_function(self, chat: MakeChat) -> None:
        server = chat("plain")
        server.says('{"at": "the sky"}')
        named: Any = {"type": "function", "function": {"name": "look"}}
        choice = server.ask(tools=TOOLS, tool_choice=named)
        (call,) = choice.message.tool_calls
        assert (call.function.name, call.function.arguments) == ("look", '{"at": "the sky"}')
        assert (choice.message.content, choice.finish_reason) == (None, "tool_calls")
        choices = server.ask(tools=TOOLS, tool_choice=named, stream=True)
        assert gathered([choice.delta for choice in choices])[0]["arguments"] == '{"at": "the sky"}'
        constraint = json.loads(server.engine.asked[0][1].structured.text)
        assert constraint.items() >= (LOOK["function"]["parameters"] | {"additionalProperties": False}).items()

    def test_some_function(self, chat: MakeChat) -> None:
        server = chat("plain")
        call = '{"name": "look", "arguments": {"at": "the sky"}}'
        server.says(f"[{call}, {call}]")
        message = server.ask(tools=TOOLS, tool_choice="required").message
        assert [call.function.name for call in message.tool_calls] == ["look", "look"]
        assert json.loads(server.engine.asked[0][1].structured.text)["type"] == "array"
        server.says(call)
        (one,) = server.ask(tools=TOOLS, tool_choice="required", parallel_tool_calls=False).message.tool_calls
        assert one.function.arguments == '{"at": "the sky"}'
        assert "anyOf" in json.loads(server.engine.asked[0][1].structured.text)

    def test_a_forced_call_that_is_cut_off_is_content(self, chat: MakeChat) -> None:
        server = chat("plain")
        server.says('[{"name": "look", "arguments": {"at": "th')
        choice = server.ask(tools=TOOLS, tool_choice="required", max_tokens=14)
        assert choice.message.content == '[{"name": "look", "arguments": {"at": "th'
        assert choice.finish_reason == "length"

    def test_a_forced_call_has_no_thoughts_though_the_prompt_opens_them(self, chat: MakeChat) -> None:
        server = chat()
        server.says('[{"name": "add", "arguments": {}}]')
        fields: Any = {"extra_body": {"chat_template_kwargs": {"open": 1}}}
        message = server.ask(tools=TOOLS, tool_choice="required", **fields).message
        assert message.tool_calls[0].function.name == "add"

    def test_so_has_an_answer_in_json(self, chat: MakeChat) -> None:
        server = chat()
        server.says("{}")
        fields: Any = {"extra_body": {"chat_template_kwargs": {"open": 1}}}
        assert server.ask(response_format={"type": "json_object"}, **fields).message.content == "{}"
