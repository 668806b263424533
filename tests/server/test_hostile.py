"""Bodies made to hurt. Each gets a clear 4xx, and the server answers the next request."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette

from doubletime.server.app import create_app
from doubletime.server.guard import guarded
from doubletime.server.prompts import ServedModel
from doubletime.server.settings import ServerSettings
from tests.server.fake import FakeClient
from tests.server.guard.ask import ask

DEEP = 100_000
LONG = 10_000_000
ROUTES = ["/v1/completions", "/v1/chat/completions", "/v1/embeddings", "/v1/responses", "/tokenize", "/detokenize"]
FIELDS = ["model", "prompt", "messages", "input", "tokens", "tools", "response_format", "logit_bias", "stop"]


class Waiting(FakeClient):
    waiting = 0
    last_wait = 0.0


@pytest.fixture(scope="module")
def app(model: ServedModel) -> Iterator[object]:
    """As it is served."""
    engine = Waiting()
    inner = create_app(model, engine)
    assert isinstance(inner, Starlette)
    yield guarded(inner, ServerSettings(), engine)
    assert ask(inner, "GET", "/health").status_code == 200


def refused(reply: httpx.Response) -> int:
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert len(error["message"]) < 1000, "a reply must not repeat what it was sent"
    return reply.status_code


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "body",
    [
        b"[" * DEEP + b"]" * DEEP,
        b'{"model":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
        b"[" + b"1," * 100_000 + b"1]",
        b'"' + b"x" * 1_000_000 + b'"',
        b'{"model": -Infinity}',
        b'{"model": 1e400}',
        b'{"' + b"k" * 1_000_000 + b'": 1}',
        b"\xff\xfe\x00",
        b"null",
        b"\x00",
    ],
    ids=["deep", "deep object", "long", "text", "infinity", "huge number", "huge name", "UTF-16", "null", "NUL"],
)
def test_a_body_that_is_no_request(app: Starlette, route: str, body: bytes) -> None:
    assert refused(ask(app, "POST", route, content=body)) == 400


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "value", ["\ud800", 10**400, -(10**30), 1e308, [[[[]]]], {"\ud800": 1}, [None] * 1000, True, ""]
)
def test_a_value_of_the_wrong_kind_in_each_field(app: Starlette, route: str, value: object) -> None:
    for field in FIELDS:
        body = json.dumps({"model": "tiny", "prompt": "x"} | {field: value})
        assert 200 <= ask(app, "POST", route, content=body).status_code < 500


@pytest.mark.parametrize("route", ROUTES)
def test_ten_million_bytes(app: Starlette, route: str) -> None:
    body = json.dumps({"model": "tiny", "prompt": "x" * LONG}).encode()
    assert refused(ask(app, "POST", route, content=body)) == 413


@pytest.mark.parametrize("prompt", ["x" * 500_000, [1] * 2_000_000, ["x"] * 500_000, "é" * 200_000])
def test_a_prompt_that_is_much_too_long(app: Starlette, prompt: object) -> None:
    body = json.dumps({"model": "tiny", "prompt": prompt}, ensure_ascii=False).encode()
    assert refused(ask(app, "POST", "/v1/completions", content=body)) == 400


def test_many_small_fields(app: Starlette) -> None:
    body = json.dumps({"model": "tiny", "prompt": "x"} | {f"field{at}": at for at in range(100_000)}).encode()
    assert refused(ask(app, "POST", "/v1/completions", content=body)) == 400


def test_a_head_that_does_not_end_is_cut_off(url: str, http: httpx.Client) -> None:
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port or 80), 10) as client, suppress(ConnectionError):
        client.sendall(b"GET /health HTTP/1.1\r\n" + b"x: y\r\n" * 200_000)
        assert client.recv(100).startswith(b"HTTP/1.1 400")
    assert http.get("/health").status_code == 200
