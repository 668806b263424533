from __future__ import annotations

import asyncio
import json

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from doubletime.server.guard.time_limit import TimeLimit
from tests.server.guard.ask import ask, fine, told


class Slow:
    """Sends `pieces` of a stream, then works for ever; remembers that it was cancelled."""

    def __init__(self, pieces: int, ends: bool = False) -> None:
        self.pieces, self.ends, self.cancelled = pieces, ends, False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.pieces:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(self.pieces):
            await send({"type": "http.response.body", "body": b"data: x\n\n", "more_body": True})
        if self.ends:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        try:
            await asyncio.sleep(60)
        finally:
            self.cancelled = True


def test_work_that_takes_longer_is_cancelled_and_is_a_504() -> None:
    slow = Slow(0)
    reply = ask(TimeLimit(slow, 0.01), "POST", "/v1/completions")
    assert told(reply, 504) == "request_timeout"
    assert reply.headers["x-should-retry"] == "false"
    assert slow.cancelled


def test_in_a_stream_it_is_the_last_event() -> None:
    slow = Slow(2)
    reply = ask(TimeLimit(slow, 0.01), "POST", "/v1/completions")
    *pieces, last = reply.text.removesuffix("\n\n").split("\n\n")
    assert (reply.status_code, pieces) == (200, ["data: x"] * 2)
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "request_timeout"
    assert slow.cancelled


def test_a_reply_that_is_whole_stays_as_it_is() -> None:
    assert ask(TimeLimit(Slow(1, ends=True), 0.01), "POST", "/v1/completions").text == "data: x\n\n"


@pytest.mark.parametrize(("app", "method"), [(fine, "POST"), (fine, "GET")])
def test_what_is_quick_or_only_looks_passes(app: ASGIApp, method: str) -> None:
    assert ask(TimeLimit(app, 5), method, "/live").text == "fine"


def test_a_time_out_of_the_work_itself_is_not_mistaken_for_it() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise TimeoutError("another")

    with pytest.raises(TimeoutError, match="another"):
        ask(TimeLimit(broken, 5), "POST", "/v1/completions")
