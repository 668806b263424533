"""Any OpenAI-compatible server as a target: streamed /v1/completions, in an event loop on a thread of its own."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import aclosing
from queue import SimpleQueue
from typing import Any

from doubletime.core.vocabulary import Nanoseconds
from doubletime.lab.bench.dialect import DIALECTS, Dialect
from doubletime.lab.bench.http import HttpError, Server, get, lines, server_at
from doubletime.lab.bench.target import News, drain
from doubletime.lab.metrics import Outcome
from doubletime.lab.result import EngineFacts
from doubletime.lab.workload.feed import Ticket
from doubletime.lab.workload.job import Job, Session
from doubletime.lab.workload.prompts import Prompts

_PATH = "/completions"
_PROBE_S = 120.0  # the first request may have to wait for the server to warm up


class UrlTarget:
    """Raises ValueError or OSError that says what the server lacks; `model` None asks it for its first."""

    def __init__(self, url: str, *, model: str | None, key: str | None, prompts: Prompts) -> None:
        self._news: SimpleQueue[News] = SimpleQueue()
        self._tasks: dict[int, Future[None]] = {}
        self._prompts = prompts
        self._server = server_at(url, key)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="load", daemon=True)
        self._thread.start()
        try:
            self._model = model or self._wait(_first_model(self._server))
            self._dialect = self._wait(_probe(self._server, self._model, prompts))
        except BaseException:
            self.close()
            raise

    @property
    def policy(self) -> str | None:
        return None

    @property
    def config(self) -> dict[str, Any]:
        dialect = self._dialect
        return {
            "url": f"{'https' if self._server.secure else 'http'}://{self._server.host}:{self._server.port}",
            "model": self._model,
            "prompts": "token ids" if dialect.token_ids else "words",
            "ignore_eos": dialect.ignore_eos,
            "tokens_counted_by": "server" if dialect.usage else "client (one a chunk)",
        }

    def send(self, ticket: Ticket) -> None:
        body = self._dialect.body(self._model, ticket, self._prompts)
        self._tasks[ticket.number] = asyncio.run_coroutine_threadsafe(self._ask(ticket.number, body), self._loop)

    def cancel(self, number: int) -> None:
        task = self._tasks.pop(number, None)
        if task is not None:
            task.cancel()

    def poll(self, timeout_s: float | None) -> list[News]:
        news = drain(self._news, timeout_s)
        for item in news:
            if item.outcome is not None:
                self._tasks.pop(item.number, None)
        return news

    def facts(self) -> EngineFacts:
        """Nothing: a server does not tell."""
        return EngineFacts()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, _PROBE_S), self._loop).result()

    async def _ask(self, number: int, body: dict[str, Any]) -> None:
        """One request, whose every end becomes news."""
        now = time.monotonic_ns
        try:
            usage = await _stream(self._server, body, lambda when: self._news.put(News(number, when, 1)))
            self._news.put(News(number, now(), outcome=Outcome.COMPLETED, usage=usage))
        except HttpError as error:
            outcome = Outcome.REFUSED if 400 <= error.status < 500 else Outcome.FAILED
            self._news.put(News(number, now(), outcome=outcome, error=str(error)))
        except (OSError, ValueError) as error:
            self._news.put(News(number, now(), outcome=Outcome.FAILED, error=str(error) or type(error).__name__))


async def _stream(
    server: Server, body: dict[str, Any], token: Callable[[Nanoseconds], object]
) -> tuple[int, int] | None:
    """Calls `token` with the time of each chunk that brings some; the server's own (prompt, output) count, if any."""
    usage, ended = None, False
    async with aclosing(lines(server, "POST", _PATH, body)) as reply:
        async for line in reply:
            when, data = time.monotonic_ns(), line.removeprefix(b"data:").strip()
            if data == line or not data:
                continue  # a comment, or the end of an event
            if data == b"[DONE]":
                return usage
            item = json.loads(data)
            if "error" in item:
                raise ConnectionError(f"the stream broke off: {str(item['error'])[:300]}")
            for choice in item.get("choices") or ():
                if choice.get("text") or choice.get("finish_reason") is None:
                    token(when)
                ended = ended or bool(choice.get("finish_reason"))
            if found := item.get("usage"):
                usage = (int(found["prompt_tokens"]), int(found["completion_tokens"]))
    if not ended:
        raise ConnectionError("the stream ended before the answer did")
    return usage


async def _first_model(server: Server) -> str:
    try:
        listed = await get(server, "/models")
        return str(listed["data"][0]["id"])
    except (HttpError, ValueError, KeyError, IndexError, TypeError) as error:
        raise ValueError(f"the server does not list its models ({error}): name one with --served-model-name") from error


async def _probe(server: Server, model: str, prompts: Prompts) -> Dialect:
    """The best dialect that the server takes; its first request is also what warms it up."""
    ticket = Ticket(-1, 0, Job(8, 2), Session(0, ()), 0, 0)
    said = ""
    for dialect in DIALECTS:
        try:
            usage = await _stream(server, dialect.body(model, ticket, prompts), lambda when: None)
        except HttpError as error:
            if error.status not in (400, 404, 415, 422):
                raise ValueError(f"{server.host}:{server.port}: {error}") from error
            said = said or str(error)
            continue
        if usage is not None or not dialect.usage:
            return dialect
    raise ValueError(f"{server.host}:{server.port} takes no streamed request at {server.path}{_PATH}: {said}")
