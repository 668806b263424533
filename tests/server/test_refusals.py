"""What the server refuses: everything that it would otherwise have to guess or ignore."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.server.fake import FakeClient

COMPLETION = {"model": "tiny", "prompt": "x"}
CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "x"}]}
USER = {"role": "user", "content": "x"}


def refused(reply: httpx.Response, status: int = 400) -> tuple[str | None, str]:
    """The blamed field and the message, of a reply in OpenAI's shape."""
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error["param"], error["message"]


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"suffix": "x"}, "suffix", "not supported"),
        ({"frobnicate": 0}, "frobnicate", "not supported"),
        ({"model": 5}, "model", "must be a string"),
        ({"model": None}, "model", "required"),
        ({"prompt": None}, "prompt", "required"),
        ({"prompt": 5}, "prompt", "must be a string"),
        ({"prompt": []}, "prompt", "not empty"),
        ({"prompt": [[]]}, "prompt", "from 1 to"),
        ({"prompt": [1, "a"]}, "prompt", "mixes"),
        ({"prompt": [1, True]}, "prompt", "mixes"),
        ({"prompt": ["a", 1]}, "prompt", "must be a string"),
        ({"prompt": [401]}, "prompt", "no token 401: ids go from 0 to 400"),
        ({"prompt": [-1]}, "prompt", "no token -1"),
        ({"prompt": "\ud800"}, "prompt", "surrogate"),
        ({"prompt": [7] * 64}, "prompt", "holds 64 tokens; prompt has 64, which leaves no room"),
        (
            {"prompt": [7] * 60, "max_tokens": 5},
            "prompt",
            "prompt has 60, which leaves too little room for max_tokens 5",
        ),
        ({"temperature": 2.5}, "temperature", "from 0 to 2, not 2.5"),
        ({"temperature": "1"}, "temperature", "must be a number"),
        ({"temperature": True}, "temperature", "must be a number"),
        ({"temperature": 10**400}, "temperature", "not a number of more than 20 digits"),
        ({"top_p": 0}, "top_p", "more than 0"),
        ({"top_p": 1.1}, "top_p", "from 0 to 1"),
        ({"top_k": -2}, "top_k", "from -1"),
        ({"top_k": 1.0}, "top_k", "whole number"),
        ({"seed": 1 << 63}, "seed", "from"),
        ({"n": 0}, "n", "from 1 to 128"),
        ({"n": True}, "n", "whole number"),
        ({"n": 128, "prompt": ["a"] * 17}, "n", "more than 2048 choices"),
        ({"max_tokens": -1}, "max_tokens", "from 0"),
        ({"max_tokens": 1.5}, "max_tokens", "whole number"),
        ({"max_completion_tokens": 5}, "max_completion_tokens", "not supported"),
        ({"stop": [""]}, "stop", "from 1 to 256 characters"),
        ({"stop": "x" * 257}, "stop", "not 257"),
        ({"stop": ["x"] * 17}, "stop", "from 1 to 16 items, not 17"),
        ({"stop": 5}, "stop", "must be a list"),
        ({"stop": [5]}, "stop", "must be a string"),
        ({"ignore_eos": 1}, "ignore_eos", "true or false"),
        ({"stream": "yes"}, "stream", "true or false"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "only when stream is true"),
        ({"stream": True, "stream_options": {"x": 1}}, "stream_options.x", "not supported"),
        ({"stream": True, "stream_options": 5}, "stream_options", "JSON object"),
    ],
)
def test_completions(http: httpx.Client, engine: FakeClient, fields: dict[str, Any], param: str, message: str) -> None:
    blamed, told = refused(http.post("/v1/completions", content=json.dumps(COMPLETION | fields)))
    assert blamed == param
    assert message in told
    assert engine.asked == []


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"messages": []}, "messages", "from 1 to"),
        ({"messages": "hi"}, "messages", "must be a list"),
        ({"messages": ["hi"]}, "messages[0]", "JSON object"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "required"),
        ({"messages": [{"content": "x"}]}, "messages[0].role", "required"),
        ({"messages": [USER, USER | {"role": "critic"}]}, "messages[1].role", "must be system"),
        ({"messages": [USER | {"content": 5}]}, "messages[0].content", "must be a list"),
        ({"messages": [USER | {"content": [{"type": "image_url"}]}]}, "messages[0].content[0].type", "must be text"),
        ({"messages": [USER | {"content": [{"type": "text"}]}]}, "messages[0].content[0].text", "required"),
        ({"messages": [USER | {"content": "x" * 500}]}, "messages", "holds 64 tokens"),
        ({"functions": []}, "functions", "send tools"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens", "send one of them"),
        ({"max_completion_tokens": 64}, "messages", "too little room"),
    ],
)
def test_chat(http: httpx.Client, engine: FakeClient, fields: dict[str, Any], param: str, message: str) -> None:
    blamed, told = refused(http.post("/v1/chat/completions", json=CHAT | fields))
    assert blamed == param
    assert message in told
    assert engine.asked == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'{"temperature": NaN}', "NaN is not JSON"),
        (b'{"seed": ' + b"9" * 5000 + b"}", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"model": "\xff"}', "not valid JSON"),
    ],
)
def test_what_is_not_json(http: httpx.Client, body: bytes, message: str) -> None:
    param, told = refused(http.post("/v1/completions", content=body))
    assert param is None
    assert message in told


def test_infinity_written_as_a_number(http: httpx.Client) -> None:
    reply = http.post("/v1/completions", content=b'{"model": "tiny", "prompt": "x", "temperature": 1e999}')
    assert refused(reply) == ("temperature", "temperature must be from 0 to 2, not an infinite number")


def test_null_means_absent(http: httpx.Client) -> None:
    nulls = {"logprobs": None, "stop": None, "n": None, "tools": None, "stream_options": None, "seed": None}
    assert http.post("/v1/completions", json=COMPLETION | nulls).status_code == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/none", 404), ("GET", "/v1/completions", 405)])
def test_other_routes(http: httpx.Client, method: str, path: str, status: int) -> None:
    refused(http.request(method, path), status)


def test_an_unknown_model(http: httpx.Client) -> None:
    assert refused(http.get("/v1/models/none"), 404)[0] == "model"
    assert refused(http.post("/v1/completions", json=COMPLETION | {"model": "none"}), 404)[0] == "model"
