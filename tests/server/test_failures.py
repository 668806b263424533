"""Clients that leave, an engine that refuses, an engine that dies."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable

import httpx
import pytest

from doubletime.core.vocabulary import Finish
from doubletime.server.errors import as_api_error
from doubletime.server.hangup import HungUp, unless_hung_up
from tests.server.fake import FakeClient

BODY = {"model": "tiny", "prompt": [[1, 2], [3]], "max_tokens": 50}


def soon(happens: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 5
    while not happens() and time.monotonic() < deadline:
        time.sleep(0.01)
    return happens()


def test_a_client_that_leaves_a_stream_cancels_its_requests(http: httpx.Client, engine: FakeClient) -> None:
    engine.pieces, engine.pause = ["x"] * 50, 0.05
    with http.stream("POST", "/v1/completions", json=BODY | {"stream": True}) as reply:
        lines = reply.iter_lines()
        assert next(lines).startswith("data: ")
        assert not any(reply.cancelled.is_set() for reply in engine.replies)
    assert soon(lambda: [reply.cancelled.is_set() for reply in engine.replies] == [True, True])


def test_a_client_that_gives_up_waiting_cancels_its_requests(http: httpx.Client, engine: FakeClient) -> None:
    engine.pause = 30
    with pytest.raises(httpx.ReadTimeout):
        http.post("/v1/completions", json=BODY, timeout=0.3)
    assert soon(lambda: [reply.cancelled.is_set() for reply in engine.replies] == [True, True])


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_of_the_engine_is_a_400_and_cancels_the_other_prompts(
    http: httpx.Client, engine: FakeClient, stream: bool
) -> None:
    engine.refusal = "it can never fit"
    reply = http.post("/v1/completions", json=BODY | {"prompt": [[1], [1, 2, 3, 4]], "stream": stream})
    assert (reply.status_code, reply.json()["error"]["message"]) == (400, "it can never fit")
    assert [reply.cancelled.is_set() for reply in engine.replies] == [True]


@pytest.mark.parametrize("prompt", [[1], [[1], [2]]])
def test_an_engine_that_dies_is_a_503(http: httpx.Client, engine: FakeClient, prompt: object) -> None:
    engine.dies_after = 1
    reply = http.post("/v1/completions", json=BODY | {"prompt": prompt})
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "engine_stopped")


@pytest.mark.parametrize("prompt", [[1], [[1], [2]]])
def test_an_engine_that_dies_in_a_stream_is_its_last_event(
    http: httpx.Client, engine: FakeClient, prompt: object
) -> None:
    engine.dies_after = 2
    with http.stream("POST", "/v1/completions", json=BODY | {"stream": True, "prompt": prompt}) as reply:
        events = [line.removeprefix("data: ") for line in reply.iter_lines() if line]
    assert "choices" in json.loads(events[0])
    assert json.loads(events[-1])["error"]["code"] == "engine_stopped"


def test_health_follows_the_engine(http: httpx.Client, engine: FakeClient) -> None:
    assert http.get("/health").status_code == 200
    engine.healthy = False
    assert http.get("/health").status_code == 503


@pytest.mark.parametrize(
    ("end", "status", "code"), [(Finish.ERROR, 500, "engine_error"), (Finish.CANCEL, 503, "engine_stopped")]
)
def test_an_output_that_the_engine_breaks_off_is_no_success(
    http: httpx.Client, engine: FakeClient, end: Finish, status: int, code: str
) -> None:
    engine.end = end
    reply = http.post("/v1/completions", json=BODY)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    with http.stream("POST", "/v1/completions", json=BODY | {"stream": True}) as stream:
        events = [line for line in stream.iter_lines() if line]
    assert code in events[-1]


def test_of_an_unforeseen_error_a_client_learns_only_that_it_happened() -> None:
    told = as_api_error(RuntimeError("the password is xyzzy"))
    assert told.status == 500
    assert "xyzzy" not in json.dumps(told.to_json())


def test_nobody_waits_for_the_rest_of_work_whose_client_has_left() -> None:
    async def receive() -> dict[str, object]:
        await started.wait()
        return messages.pop(0)

    async def work() -> None:
        try:
            started.set()
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    messages: list[dict[str, object]] = [{"type": "http.request"}, {"type": "http.disconnect"}]
    started, ended = asyncio.Event(), list[bool]()
    with pytest.raises(HungUp):
        asyncio.run(unless_hung_up(receive, work()))
    assert ended == [True]


def test_a_client_that_leaves_in_the_middle_of_its_body_leaves_no_trace(
    http: httpx.Client, engine: FakeClient, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection((http.base_url.host, http.base_url.port or 80)) as client:
        client.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    assert http.get("/health").status_code == 200
    assert engine.asked == []
    assert "Traceback" not in capfd.readouterr().err
