"""/v1/responses, asked by OpenAI's own client."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from doubletime.core.vocabulary import Finish
from doubletime.decoding.structured.spec import Structured
from doubletime.server.prompts import ServedModel
from tests.server.fake import FakeClient

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
TOOL = {
    "type": "function",
    "name": "add",
    "description": "adds",
    "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}},
    "strict": None,
}


def prompt(engine: FakeClient, model: ServedModel) -> str:
    return model.text_tokenizer.decode(engine.asked[-1][0], skip_special_tokens=False)


def test_a_text(client: openai.OpenAI, engine: FakeClient, model: ServedModel) -> None:
    engine.cached = 3
    reply = client.responses.create(model="tiny", input="hi", instructions="Be brief.", max_output_tokens=9)
    assert reply.output_text == "Hello wörld"
    assert (reply.object, reply.status, reply.id[:5], reply.model) == ("response", "completed", "resp_", "tiny")
    (item,) = reply.output
    assert (item.type, item.id[:4], item.status) == ("message", "msg_", "completed")
    assert prompt(engine, model) == "<system>Be brief.\n<user>hi\n<a>"
    assert engine.names == [reply.id]
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (len(engine.asked[0][0]), 4)
    assert (reply.usage.input_tokens_details.cached_tokens, reply.usage.total_tokens) == (
        3, reply.usage.input_tokens + 4,
    )  # fmt: skip
    assert engine.asked[0][1].max_tokens == 9


def test_items(client: openai.OpenAI, engine: FakeClient, model: ServedModel) -> None:
    first = client.responses.create(model="tiny", input="hi")
    history: Any = [
        {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        *[item.model_dump() for item in first.output],
        {"type": "message", "role": "user", "content": "more"},
    ]
    client.responses.create(model="tiny", input=history, max_output_tokens=2)
    assert prompt(engine, model) == "<user>hi\n<assistant>Hello wörld\n<user>more\n<a>"


def test_an_answer_that_is_cut(client: openai.OpenAI, engine: FakeClient) -> None:
    reply = client.responses.create(model="tiny", input="hi", max_output_tokens=2)
    assert (reply.status, reply.output[0].status) == ("incomplete", "incomplete")  # type: ignore[union-attr]
    assert reply.incomplete_details is not None
    assert reply.incomplete_details.reason == "max_output_tokens"


def test_the_events_of_a_stream(client: openai.OpenAI, engine: FakeClient) -> None:
    events: list[Any] = list(client.responses.create(model="tiny", input="hi", stream=True))
    assert [event.type.removeprefix("response.") for event in events] == [
        "created", "in_progress", "output_item.added", "content_part.added",
        "output_text.delta", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type.endswith("delta")) == "Hello wörld"
    assert events[-1].response.output_text == "Hello wörld"
    assert events[0].response.status == "in_progress"
    assert len({event.item_id for event in events[3:9]}) == 1


def test_the_helper_for_streams(client: openai.OpenAI, engine: FakeClient) -> None:
    with client.responses.stream(model="tiny", input="hi") as stream:
        for _ in stream:
            pass
        assert stream.get_final_response().output_text == "Hello wörld"


def test_a_schema(client: openai.OpenAI, engine: FakeClient) -> None:
    engine.pieces = ['{"a":', " 5}"]
    text: Any = {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA, "strict": True}}
    reply = client.responses.create(model="tiny", input="hi", text=text)
    assert json.loads(reply.output_text) == {"a": 5}
    assert engine.asked[0][1].structured == Structured("json", json.dumps(SCHEMA))
    assert reply.to_dict()["text"]["format"]["schema"] == SCHEMA  # type: ignore[index]
    client.responses.create(model="tiny", input="hi", text={"format": {"type": "json_object"}})
    assert engine.asked[1][1].structured == Structured("json_object")


def test_log_probabilities(client: openai.OpenAI, engine: FakeClient) -> None:
    reply: Any = client.responses.create(
        model="tiny", input="hi", include=["message.output_text.logprobs"], top_logprobs=1
    )
    logprobs = reply.output[0].content[0].logprobs
    assert [(entry.logprob, len(entry.top_logprobs)) for entry in logprobs] == [(-1.5, 1)] * 4
    events: list[Any] = list(client.responses.create(model="tiny", input="hi", top_logprobs=1, stream=True))
    told = [entry for event in events if event.type == "response.output_text.delta" for entry in event.logprobs]
    assert [entry.token for entry in told] == [entry.token for entry in logprobs]


@pytest.mark.parametrize("stream", [False, True])
def test_calls(client: openai.OpenAI, engine: FakeClient, stream: bool) -> None:
    engine.pieces = ['[{"name": "add"', ', "arguments": {"x"', ": 5}}]"]
    ask: dict[str, Any] = {"model": "tiny", "input": "hi", "tools": [TOOL], "tool_choice": "required"}
    if stream:
        events: list[Any] = list(client.responses.create(**ask, stream=True))
        kinds = [event.type.removeprefix("response.") for event in events]
        assert kinds[2] == "output_item.added"
        assert kinds[-3:] == ["function_call_arguments.done", "output_item.done", "completed"]
        deltas = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
        assert json.loads("".join(deltas)) == {"x": 5}
        reply = events[-1].response
    else:
        reply = client.responses.create(**ask)
    (call,) = reply.output
    assert (call.type, call.name, json.loads(call.arguments), call.status) == (
        "function_call", "add", {"x": 5}, "completed",
    )  # fmt: skip
    assert reply.tools[0].name == "add"


def test_what_a_call_gave_goes_back(client: openai.OpenAI, engine: FakeClient, model: ServedModel) -> None:
    history: Any = [
        {"role": "user", "content": "1+1"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "easy"}]},
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "c1",
            "name": "add",
            "arguments": "{}",
            "status": "completed",
        },
        {"type": "function_call_output", "call_id": "c1", "output": "2"},
    ]
    client.responses.create(model="tiny", input=history, max_output_tokens=2)
    assert prompt(engine, model) == "<user>1+1\n<assistant>\n<tool>2\n<a>"


def test_an_engine_that_breaks_in_a_stream(client: openai.OpenAI, engine: FakeClient) -> None:
    engine.end = Finish.ERROR
    with pytest.raises(openai.InternalServerError):
        client.responses.create(model="tiny", input="hi")
    last: Any = list(client.responses.create(model="tiny", input="hi", stream=True))[-1]
    assert (last.type, last.response.status) == ("response.failed", "failed")
    assert "could not finish" in last.response.error.message


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"store": True}, "store", "stores no answers"),
        ({"background": True}, "background", "must be false"),
        ({"previous_response_id": "resp_1"}, "previous_response_id", "send the whole conversation"),
        ({"conversation": "conv_1"}, "conversation", "stores no conversations"),
        ({"max_tool_calls": 5}, "max_tool_calls", "runs no tools"),
        ({"truncation": "auto"}, "truncation", "must be disabled"),
        ({"reasoning": {"summary": "auto"}}, "reasoning.summary", "told as they are"),
        ({"reasoning": {"effort": "low"}}, "reasoning.effort", "reads no reasoning.effort"),
        ({"include": ["web_search_call.results"]}, "include[0]", "message.output_text.logprobs"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type", "runs no tools itself"),
        ({"tools": [TOOL, TOOL]}, "tools[1].name", "two functions"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "name": "sub"}}, "tool_choice", "demands 'sub'"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema", "belongs to"),
        ({"text": {"format": {"type": "json_schema", "schema": {"type": "x"}}}}, "text.format", "the JSON schema"),
        ({"max_output_tokens": 64}, "input", "too little room for max_output_tokens 64"),
        ({"input": []}, "input", "from 1 to"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0].type", "input_text"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type", "must be message or"),
        ({"input": [{"type": "reasoning", "summary": ["x"]}]}, "input[0].summary", "must be empty"),
        ({"stream_options": {"include_obfuscation": False}}, "stream_options", "only when stream"),
        ({"model": "other"}, "model", "does not exist"),
    ],
)  # fmt: skip
def test_what_is_refused(
    client: openai.OpenAI, engine: FakeClient, fields: dict[str, Any], param: str, message: str
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.responses.create(**{"model": "tiny", "input": "x"} | fields)
    assert caught.value.status_code in (400, 404)
    assert caught.value.param == param  # type: ignore[attr-defined]
    assert message in caught.value.message
    assert engine.asked == []
