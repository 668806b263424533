"""Every field that is honoured reaches the engine, and nothing else is taken."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from doubletime.decoding.structured.spec import Structured
from tests.server.fake import FakeClient

COMPLETION = {"model": "tiny", "prompt": [5, 6]}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}
MADE = Structured("json", json.dumps(SCHEMA))


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({"min_p": 0.25}, "min_p", 0.25),
        ({"presence_penalty": -2}, "presence_penalty", -2.0),
        ({"frequency_penalty": 0.5}, "frequency_penalty", 0.5),
        ({"repetition_penalty": 1.5}, "repetition_penalty", 1.5),
        ({"logit_bias": {"7": -100, "8": 2.5}}, "logit_bias", {7: -100.0, 8: 2.5}),
        ({"min_tokens": 3}, "min_tokens", 3),
        ({"stop_token_ids": [9, 10]}, "stop_token_ids", (9, 10)),
        ({"stop_token_ids": []}, "stop_token_ids", ()),
        ({"include_stop_str_in_output": True, "stop": "x"}, "include_stop_str_in_output", True),
        ({"skip_special_tokens": False}, "skip_special_tokens", False),
        ({"logprobs": 3}, "logprobs", 3),
        ({"logprobs": 3, "echo": True}, "prompt_logprobs", 3),
        ({"prompt_logprobs": 2}, "prompt_logprobs", 2),
        ({"max_tokens": 0}, "max_tokens", 0),
        ({"response_format": {"type": "text"}}, "structured", None),
        ({"response_format": {"type": "json_object"}}, "structured", Structured("json_object")),
        ({"response_format": JSON_SCHEMA}, "structured", MADE),
        ({"structured_outputs": {"json": SCHEMA}}, "structured", MADE),
        ({"structured_outputs": {"json": json.dumps(SCHEMA)}}, "structured", MADE),
        ({"structured_outputs": {"regex": "[ab]+"}}, "structured", Structured("regex", "[ab]+")),
        ({"structured_outputs": {"choice": ["a", "b"]}}, "structured", Structured("choice", choices=("a", "b"))),
        ({"structured_outputs": {"grammar": 'start: "a"'}}, "structured", Structured("grammar", 'start: "a"')),
        ({"structured_outputs": {"json_object": True}}, "structured", Structured("json_object")),
        ({"guided_json": SCHEMA}, "structured", MADE),
        ({"guided_regex": "[ab]+"}, "structured", Structured("regex", "[ab]+")),
        ({"guided_choice": ["a"]}, "structured", Structured("choice", choices=("a",))),
        ({"guided_grammar": 'start: "a"'}, "structured", Structured("grammar", 'start: "a"')),
    ],
)
def test_what_reaches_the_engine(
    http: httpx.Client, engine: FakeClient, fields: dict[str, Any], name: str, value: object
) -> None:
    reply = http.post("/v1/completions", json=COMPLETION | fields)
    assert reply.status_code == 200, reply.text
    ((_, params),) = engine.asked
    assert getattr(params, name) == value


def test_the_priority_and_the_name_reach_the_engine(http: httpx.Client, engine: FakeClient) -> None:
    reply = http.post("/v1/completions", json=COMPLETION | {"priority": -3})
    assert (engine.priorities, engine.names) == ([-3], [reply.json()["id"]])
    reply = http.post("/v1/completions", json=COMPLETION | {"prompt": ["a", "b"]})
    assert engine.names[1:] == [f"{reply.json()['id']}-0", f"{reply.json()['id']}-1"]


@pytest.mark.parametrize(
    "fields",
    [
        {"user": "me", "safety_identifier": "x", "prompt_cache_key": "y"},
        {"metadata": {"job": "7"}},
        {"store": False, "service_tier": "auto"},
        {"best_of": 2, "n": 2},
    ],
)
def test_what_is_documented_as_without_effect_is_taken(
    http: httpx.Client, engine: FakeClient, fields: dict[str, Any]
) -> None:
    assert http.post("/v1/completions", json=COMPLETION | fields).status_code == 200


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"suffix": "x"}, "suffix", "not supported by this server: it writes what comes after"),
        ({"best_of": 3, "n": 2}, "best_of", "must be n (2)"),
        ({"use_beam_search": True}, "use_beam_search", "it samples"),
        ({"min_p": 1.5}, "min_p", "from 0 to 1"),
        ({"presence_penalty": 2.1}, "presence_penalty", "from -2 to 2"),
        ({"repetition_penalty": 0}, "repetition_penalty", "more than 0"),
        ({"logit_bias": {"x": 1}}, "logit_bias", "must be token ids, not 'x'"),
        ({"logit_bias": {"7": 101}}, "logit_bias.7", "from -100 to 100"),
        ({"logit_bias": {"401": 1}}, "logit_bias", "no token 401"),
        ({"logit_bias": [1]}, "logit_bias", "must be an object"),
        ({"logit_bias": {str(at): 1 for at in range(1025)}}, "logit_bias", "at most 1024 tokens"),
        ({"stop_token_ids": [401]}, "stop_token_ids", "no token 401"),
        ({"stop_token_ids": [True]}, "stop_token_ids[0]", "whole number"),
        ({"min_tokens": 17}, "min_tokens", "at most max_tokens (16)"),
        ({"logprobs": 21}, "logprobs", "from 0 to 20"),
        ({"logprobs": True}, "logprobs", "whole number"),
        ({"prompt_logprobs": 1, "stream": True}, "prompt_logprobs", "only when stream is false"),
        ({"response_format": {"type": "xml"}}, "response_format.type", "must be text or json_object"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "belongs to"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
         "response_format.json_schema.schema", "required"),
        ({"response_format": {"type": "text", "x": 1}}, "response_format.x", "not supported"),
        ({"guided_json": {"type": "nothing"}}, "guided_json", "guided_json: the JSON schema cannot be used"),
        ({"guided_regex": "a", "ignore_eos": True}, "ignore_eos", "ignore_eos cannot go with guided_regex"),
        ({"guided_json": "{"}, "guided_json", "not JSON"),
        ({"guided_json": '{"items":' * 300 + "{}" + "}" * 300}, "guided_json", "nested too deeply"),
        ({"guided_json": "[" * 100_000}, "guided_json", "not JSON"),
        ({"guided_json": {"title": "\ud800"}}, "guided_json", "surrogate"),
        ({"guided_regex": "("}, "guided_regex", "cannot be used"),
        ({"guided_regex": ""}, "guided_regex", "from 1 to"),
        ({"guided_choice": []}, "guided_choice", "from 1 to"),
        ({"guided_choice": [""]}, "guided_choice", "not empty"),
        ({"guided_grammar": "start: nothing"}, "guided_grammar", "cannot be used"),
        ({"guided_json": {}, "guided_regex": "a"}, "guided_regex", "send one of them"),
        ({"structured_outputs": {}}, "structured_outputs", "must hold one of"),
        ({"structured_outputs": {"regex": "a", "choice": ["a"]}}, "structured_outputs", "must hold one of"),
        ({"structured_outputs": {"whitespace_pattern": "a"}}, "structured_outputs.whitespace_pattern", "not supported"),
        ({"store": True}, "store", "stores no answers"),
        ({"service_tier": "flex"}, "service_tier", "must be auto or default"),
        ({"metadata": {"a": 5}}, "metadata.a", "must be a string"),
        ({"metadata": {"a": "x" * 513}}, "metadata", "at most 512"),
        ({"metadata": {str(at): "" for at in range(17)}}, "metadata", "at most 16"),
        ({"metadata": "x"}, "metadata", "JSON object"),
        ({"priority": 1.5}, "priority", "whole number"),
    ],
)  # fmt: skip
def test_what_is_refused(
    http: httpx.Client, engine: FakeClient, fields: dict[str, Any], param: str, message: str
) -> None:
    reply = http.post("/v1/completions", content=json.dumps(COMPLETION | fields))
    assert reply.status_code == 400, reply.text
    assert reply.json()["error"]["param"] == param
    assert message in reply.json()["error"]["message"]
    assert engine.asked == []
