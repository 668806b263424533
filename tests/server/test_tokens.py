"""/tokenize, /detokenize, /version."""

from __future__ import annotations

import dataclasses
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from doubletime import __version__
from doubletime.server.app import create_app
from doubletime.server.prompts import ServedModel
from tests.server.fake import FakeClient

MESSAGES = [{"role": "user", "content": "hi"}]


def test_a_text(http: httpx.Client, model: ServedModel) -> None:
    ids = model.text_tokenizer.encode("The wörld")
    reply = http.post("/tokenize", json={"model": "tiny", "prompt": "The wörld"}).json()
    assert reply == {"tokens": ids, "count": len(ids), "max_model_len": 64}
    bare = http.post("/tokenize", json={"prompt": "The wörld", "add_special_tokens": False}).json()
    assert bare["tokens"] == ids[1:-1] if ids[-1] == 1 else ids[1:]
    assert http.post("/detokenize", json={"tokens": bare["tokens"]}).json() == {"prompt": "The wörld"}


def test_a_chat_is_tokenized_as_the_chat_route_does(http: httpx.Client, engine: FakeClient) -> None:
    tokens = http.post("/tokenize", json={"messages": MESSAGES}).json()["tokens"]
    http.post("/v1/chat/completions", json={"model": "tiny", "messages": MESSAGES})
    assert engine.asked[0][0] == tokens
    closed = http.post("/tokenize", json={"messages": MESSAGES, "add_generation_prompt": False}).json()["tokens"]
    assert tokens[: len(closed)] == closed != tokens


def test_what_the_tokens_stand_for(http: httpx.Client) -> None:
    asked = {"prompt": "The fox", "add_special_tokens": False, "return_token_strs": True}
    assert "".join(http.post("/tokenize", json=asked).json()["token_strs"]) == "The fox"


def test_special_tokens_are_written_out(http: httpx.Client) -> None:
    assert http.post("/detokenize", json={"tokens": [0]}).json() == {"prompt": "<bos>"}
    assert http.post("/detokenize", json={"tokens": []}).json() == {"prompt": ""}


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/tokenize", {}, "prompt"),
        ("/tokenize", {"prompt": "x", "messages": MESSAGES}, "prompt"),
        ("/tokenize", {"prompt": "x", "add_generation_prompt": True}, "add_generation_prompt"),
        ("/tokenize", {"prompt": "x", "n": 1}, "n"),
        ("/detokenize", {"tokens": [401]}, "tokens"),
        ("/detokenize", {"tokens": ["x"]}, "tokens"),
        ("/detokenize", {}, "tokens"),
    ],
)
def test_what_is_refused(http: httpx.Client, path: str, body: dict[str, Any], param: str) -> None:
    reply = http.post(path, json=body)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


def test_another_model_is_unknown(http: httpx.Client) -> None:
    for path, body in (("/tokenize", {"prompt": "x"}), ("/detokenize", {"tokens": [5]})):
        assert http.post(path, json=body | {"model": "other"}).status_code == 404


def test_a_model_without_a_tokenizer(model: ServedModel) -> None:
    bare = dataclasses.replace(model, tokenizer=None)
    with TestClient(create_app(bare, FakeClient())) as client:
        assert client.post("/tokenize", json={"prompt": "x"}).status_code == 400
        assert client.post("/detokenize", json={"tokens": [5]}).status_code == 400


def test_the_version(http: httpx.Client) -> None:
    assert http.get("/version").json() == {"version": __version__}
