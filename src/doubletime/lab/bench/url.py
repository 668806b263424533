"""Any OpenAI-compatible server as a target: streamed requests, in an event loop on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from doubletime.lab.bench.dialect import Dialect, Endpoint
from doubletime.lab.bench.http import HttpError, server_at
from doubletime.lab.bench.probe import find_dialect, find_model
from doubletime.lab.bench.pulse import pulse
from doubletime.lab.bench.stream import stream
from doubletime.lab.bench.target import News, drain
from doubletime.lab.bench.wording import Answer, Wording
from doubletime.lab.metrics import Outcome
from doubletime.lab.percentiles import Tally
from doubletime.lab.result import EngineFacts
from doubletime.lab.workload.feed import Ticket
from doubletime.lab.workload.prompts import Prompts

_PROBE_S = 120.0  # the first request may have to wait for the server to warm up


@dataclass(slots=True)
class _Live:
    ticket: Ticket
    prompt: Any
    task: Future[None]


class UrlTarget:
    """Raises ValueError or OSError that says what the server lacks; `model` None asks it for its first."""

    def __init__(self, url: str, *, endpoint: Endpoint, model: str | None, key: str | None, prompts: Prompts) -> None:
        self._news: SimpleQueue[News] = SimpleQueue()
        self._live: dict[int, _Live] = {}
        self._lag = Tally()
        self._asked = self._found = 0  # tokens of prompts, and those that the server had in its cache
        self._server = server_at(url, key)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="load", daemon=True)
        self._thread.start()
        try:
            self._model = self._wait(find_model(self._server, model))
            self._dialect: Dialect = self._wait(find_dialect(self._server, self._model, endpoint, prompts))
        except BaseException:
            self.close()
            raise
        self._wording: Wording = self._dialect.wording(prompts)
        asyncio.run_coroutine_threadsafe(pulse(self._lag), self._loop)

    @property
    def policy(self) -> str | None:
        return None

    @property
    def config(self) -> dict[str, Any]:
        dialect = self._dialect
        return {
            "url": f"{'https' if self._server.secure else 'http'}://{self._server.host}:{self._server.port}",
            "endpoint": dialect.endpoint.value,
            "model": self._model,
            "prompts": dialect.prompts,
            "ignore_eos": dialect.ignore_eos,
            "tokens_counted_by": "server" if dialect.usage else "client (one a chunk)",
        }

    def send(self, ticket: Ticket) -> None:
        prompt = self._wording.prompt(ticket)
        body = self._dialect.body(self._model, ticket, prompt)
        task = asyncio.run_coroutine_threadsafe(self._ask(ticket.number, body), self._loop)
        self._live[ticket.number] = _Live(ticket, prompt, task)

    def cancel(self, number: int) -> None:
        live = self._live.pop(number, None)
        if live is not None:
            self._wording.forget(live.ticket)
            live.task.cancel()

    def poll(self, timeout_s: float | None) -> list[News]:
        news = drain(self._news, timeout_s)
        for item in news:
            live = self._live.pop(item.number, None) if item.outcome is not None else None
            if live is not None and item.answer is not None:
                self._count(item.answer)
                self._wording.answered(live.ticket, live.prompt, item.answer)
            elif live is not None:
                self._wording.forget(live.ticket)
        return news

    def facts(self) -> EngineFacts:
        """What a server tells of itself: at most its prefix hits."""
        return EngineFacts(self._found / self._asked if self._asked else None)

    def lag(self) -> Tally | None:
        return self._lag

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _count(self, answer: Answer) -> None:
        if answer.usage is not None and answer.cached is not None:
            self._asked += answer.usage[0]
            self._found += answer.cached

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, _PROBE_S), self._loop).result()

    async def _ask(self, number: int, body: dict[str, Any]) -> None:
        """One request, whose every end becomes news."""
        now, path = time.monotonic_ns, self._dialect.endpoint.path
        try:
            answer = await stream(
                self._server, path, body, lambda when, tokens: self._news.put(News(number, when, tokens))
            )
            self._news.put(News(number, now(), outcome=Outcome.COMPLETED, usage=answer.usage, answer=answer))
        except HttpError as error:
            outcome = Outcome.REFUSED if 400 <= error.status < 500 else Outcome.FAILED
            self._news.put(News(number, now(), outcome=outcome, error=str(error)))
        except (OSError, ValueError) as error:
            self._news.put(News(number, now(), outcome=Outcome.FAILED, error=str(error) or type(error).__name__))
