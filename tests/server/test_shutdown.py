"""How a server ends: told to, impatiently, or because its engine has ended for good."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager

import httpx
import pytest

from doubletime.core.vocabulary import Finish
from doubletime.engine.messages import Params
from doubletime.server.app import create_app
from doubletime.server.client import Chunk, EngineStopped
from doubletime.server.prompts import ServedModel
from doubletime.server.run import Server, base_url, listen, serve
from tests.server.fake import FakeClient

BODY = {"model": "tiny", "prompt": [1, 2], "max_tokens": 60, "stream": True}


class Reply:
    """Ten tokens, or as many as come until the work is ended."""

    def __init__(self, over: asyncio.Event) -> None:
        self.over = over

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        for at in range(10):
            yield Chunk(0, "x", (at,))
            try:
                await asyncio.wait_for(self.over.wait(), 0.03)
            except TimeoutError:
                continue
            raise EngineStopped("the server is shutting down")
        yield Chunk(0, "", (), Finish.STOP)

    def cancel(self) -> None:
        """Nothing to do."""


class Work(FakeClient):
    """An engine that can be told to end its requests."""

    fatal = ""
    over: asyncio.Event

    async def start(self) -> None:
        self.over = asyncio.Event()

    def end_requests(self) -> None:
        self.over.set()

    async def submit(self, prompt: Sequence[int], params: Params, priority: int = 0, name: str = "") -> Reply:  # type: ignore[override]
        return Reply(self.over)


@contextmanager
def running(model: ServedModel, work: Work, grace: float) -> Iterator[tuple[Server, str]]:
    """A server on a thread of its own, which is over afterwards."""
    listening = listen("127.0.0.1", 0)
    server = Server(create_app(model, work), work=work, grace=grace)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield server, base_url(listening)
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def last_event(model: ServedModel, grace: float, signals: int) -> str:
    """Of a stream during which the server is told to stop, so many times."""
    with (
        running(model, Work(), grace) as (server, url),
        httpx.stream("POST", f"{url}/v1/completions", json=BODY) as reply,
    ):
        lines = reply.iter_lines()
        next(lines)
        for _ in range(signals):
            server.handle_exit(signal.SIGTERM, None)
        return [line for line in lines if line][-1]


def test_what_has_begun_is_finished(model: ServedModel) -> None:
    assert last_event(model, grace=20, signals=1) == "data: [DONE]"


@pytest.mark.parametrize(("grace", "signals"), [(0.05, 1), (20, 2)])
def test_at_the_deadline_or_at_the_second_signal_it_is_ended_and_told(
    model: ServedModel, grace: float, signals: int
) -> None:
    assert "the server is shutting down" in last_event(model, grace, signals)


def test_no_more_is_taken(model: ServedModel) -> None:
    with running(model, Work(), grace=20) as (server, url), httpx.Client(base_url=url) as client:
        with client.stream("POST", "/v1/completions", json=BODY) as reply:
            server.should_exit = True
            assert reply.read().endswith(b"[DONE]\n\n")
        with pytest.raises(httpx.ConnectError):
            client.get("/health")


def test_who_only_watches_is_not_waited_for(model: ServedModel) -> None:
    with running(model, Work(), grace=20) as (server, url), httpx.stream("GET", f"{url}/live?stream=1") as reply:
        pieces = reply.iter_raw()
        next(pieces)
        server.should_exit = True
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)


def test_it_ends_by_itself_when_its_work_has_ended_for_good(model: ServedModel) -> None:
    work = Work()
    work.fatal = "the engine died again"
    with listen("127.0.0.1", 0) as listening:
        serve(create_app(model, work), listening, work=work)
    assert work.state == "closed"
