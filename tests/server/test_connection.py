"""Clients that send too slowly, or do not read: raw sockets, a real server."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest

from tests.server.fake import FakeClient

BODY = {"model": "tiny", "prompt": [1, 2], "max_tokens": 50}


def request(body: object = BODY) -> bytes:
    content = json.dumps(body).encode()
    return b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(content) + content


@pytest.fixture
def connect(url: str) -> Iterator[Callable[[], socket.socket]]:
    address = urlsplit(url)
    with ExitStack() as stack:
        yield lambda: stack.enter_context(socket.create_connection((address.hostname, address.port or 80), 10))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doubletime.server.connection.ARRIVAL_LIMIT", 0.2)
    monkeypatch.setattr("doubletime.server.connection.STALL_LIMIT", 0.2)


def soon(happens: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 5
    while not happens() and time.monotonic() < deadline:
        time.sleep(0.01)
    return happens()


@pytest.mark.usefixtures("impatient", "engine")
@pytest.mark.parametrize("sent", [b"", b"POST /v1/comp", request()[:30]])
def test_half_a_head_is_not_waited_for(connect: Callable[[], socket.socket], http: httpx.Client, sent: bytes) -> None:
    client = connect()
    client.sendall(sent)
    assert http.get("/health").status_code == 200
    assert client.recv(1000) == b""


@pytest.mark.usefixtures("impatient")
def test_half_a_body_is_a_408(connect: Callable[[], socket.socket], engine: FakeClient) -> None:
    client = connect()
    client.sendall(request()[:-5])
    time.sleep(0.1)
    client.sendall(request()[-5:-4])  # a byte now and then does not keep it alive
    reply = b"".join(iter(lambda: client.recv(1000), b""))
    head, _, body = reply.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body)["error"]["code"] == "request_too_slow"
    assert engine.asked == []


@pytest.mark.usefixtures("impatient")
def test_a_request_that_is_here_may_take_its_time(connect: Callable[[], socket.socket], engine: FakeClient) -> None:
    engine.pause = 0.15
    client = connect()
    for _ in range(2):
        client.sendall(request())
        reply = client.recv(1000)
        assert reply.startswith(b"HTTP/1.1 200")
        while b'"usage"' not in reply:
            reply += client.recv(1000)


@pytest.mark.usefixtures("impatient")
def test_a_client_that_does_not_read_is_cut_off_and_its_work_cancelled(
    connect: Callable[[], socket.socket], engine: FakeClient
) -> None:
    engine.pieces = ["x" * 1_000_000] * 50
    connect().sendall(request(BODY | {"stream": True}))
    assert soon(lambda: [reply.cancelled.is_set() for reply in engine.replies] == [True])


@pytest.mark.usefixtures("impatient")
def test_a_client_that_reads_slowly_but_does_is_served(
    connect: Callable[[], socket.socket], engine: FakeClient
) -> None:
    engine.pieces = ["x" * 300_000] * 20
    client = connect()
    client.sendall(request(BODY | {"stream": True}))
    got = b""
    while b"[DONE]" not in got[-20:]:
        got += client.recv(500_000)
        time.sleep(0.01)
    assert got.count(b"x") >= 20 * 300_000


def test_what_is_no_http_is_a_400(connect: Callable[[], socket.socket], engine: FakeClient) -> None:
    client = connect()
    client.sendall(b"\x16\x03\x01 not http\r\n\r\n")
    assert client.recv(1000).startswith(b"HTTP/1.1 400")
    assert engine.asked == []


def test_a_thousand_clients_at_once(
    http: httpx.Client, connect: Callable[[], socket.socket], engine: FakeClient
) -> None:
    engine.pause = 0.05
    clients = [connect() for _ in range(1000)]
    for client in clients:
        client.sendall(request())
    assert http.get("/health").status_code == 200
    assert {client.recv(15) for client in clients} == {b"HTTP/1.1 200 OK"}
    assert len(engine.asked) == 1000


def test_a_thousand_clients_that_vanish_leave_nothing(
    http: httpx.Client, connect: Callable[[], socket.socket], engine: FakeClient
) -> None:
    engine.pause = 30
    clients = [connect() for _ in range(1000)]
    for client in clients:
        client.sendall(request(BODY | {"stream": True}))
    assert soon(lambda: len(engine.replies) == 1000)
    for client in clients:
        client.close()
    assert soon(lambda: all(reply.cancelled.is_set() for reply in engine.replies))
    assert http.get("/health").status_code == 200
