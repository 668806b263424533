"""One API request and its reply, whole or as server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from doubletime.server.client import EngineClient, Reply
from doubletime.server.errors import as_api_error, log_unforeseen
from doubletime.server.fields import Json
from doubletime.server.formats import Format
from doubletime.server.gather import chunks, collect, submitted
from doubletime.server.hangup import HungUp, unless_hung_up
from doubletime.server.prompts import Job
from doubletime.server.sampling_fields import SamplingFields
from doubletime.server.usage import Usage

_EVENT_STREAM = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Exchange:
    """An ASGI application for one request whose body has been read. A client that hangs up cancels the work."""

    client: EngineClient
    jobs: Sequence[Job]
    request: SamplingFields
    form: Format

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        work = self._stream(send) if self.request.stream else self._answer(scope, receive, send)
        with suppress(HungUp):
            await unless_hung_up(receive, work)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        usage = Usage(self.jobs)
        async with submitted(self.client, self.jobs, self.form.id) as replies:
            choices = await collect(replies, self.request.n, usage)
        response: Response = JSONResponse(self.form.whole(choices, usage) | self._timings(usage))
        await response(scope, receive, send)

    async def _stream(self, send: Send) -> None:
        """A request that the engine refuses gets its status; what goes wrong later is the last event."""
        async with submitted(self.client, self.jobs, self.form.id) as replies:
            await send({"type": "http.response.start", "status": 200, "headers": _EVENT_STREAM})
            last = "" if self.form.terminator is None else _data(self.form.terminator)
            try:
                async with aclosing(self._events(replies)) as events:
                    async for event in events:
                        await send({"type": "http.response.body", "body": _spelled(event).encode(), "more_body": True})
            except Exception as error:
                log_unforeseen(error)
                last = _spelled(self.form.failure(as_api_error(error)))
        await send({"type": "http.response.body", "body": last.encode(), "more_body": False})

    async def _events(self, replies: Sequence[Reply]) -> AsyncGenerator[Json, None]:
        usage = Usage(self.jobs)
        for event in self.form.opening(len(replies) * self.request.n):
            yield event
        async with aclosing(chunks(replies, self.request.n)) as arriving:
            async for chunk in arriving:
                usage.add(chunk)
                for event in self.form.pieces(chunk, usage):
                    yield event | self._timings(usage)
        for event in self.form.closing(usage):
            yield event

    def _timings(self, usage: Usage) -> Json:
        """As the request wants them: at the end, or all along."""
        wanted = self.request.timings_per_token or (self.request.timings and usage.complete)
        return {"timings": usage.timings()} if wanted else {}


def _spelled(event: Json) -> str:
    """Events that have a type are named by it."""
    name = f"event: {event['type']}\n" if "type" in event else ""
    return name + _data(_JSON(event))


def _data(text: str) -> str:
    return f"data: {text}\n\n"
