"""One API request and its reply, whole or as server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from doubletime.server.client import EngineClient, Reply
from doubletime.server.errors import as_api_error
from doubletime.server.formats import Format, Json, usage
from doubletime.server.gather import chunks, collect, submitted
from doubletime.server.hangup import HungUp, unless_hung_up
from doubletime.server.prompts import Job
from doubletime.server.requests import Sampling

_EVENT_STREAM = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


@dataclass(frozen=True, slots=True)
class Exchange:
    """An ASGI application for one request whose body has been read. A client that hangs up cancels the work."""

    client: EngineClient
    jobs: Sequence[Job]
    sampling: Sampling
    form: Format

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        work = self._stream(send) if self.sampling.stream else self._answer(scope, receive, send)
        with suppress(HungUp):
            await unless_hung_up(receive, work)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with submitted(self.client, self.jobs) as replies:
            choices = await collect(replies, self.sampling.n)
        told = self._usage(sum(choice.tokens for choice in choices))
        response: Response = JSONResponse(self.form.whole(choices, told))
        await response(scope, receive, send)

    async def _stream(self, send: Send) -> None:
        """A request that the engine refuses gets its status; what goes wrong later is the last event."""
        async with submitted(self.client, self.jobs) as replies:
            await send({"type": "http.response.start", "status": 200, "headers": _EVENT_STREAM})
            try:
                async with aclosing(self._events(replies)) as events:
                    async for event in events:
                        await _send_event(send, _dump(event))
                await _send_event(send, "[DONE]")
            except Exception as error:
                await _send_event(send, _dump(as_api_error(error).to_json()))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _events(self, replies: Sequence[Reply]) -> AsyncGenerator[Json, None]:
        sampling, tokens = self.sampling, 0
        blank: Json = {"usage": None} if sampling.include_usage else {}
        for choice in range(len(replies) * sampling.n):
            opening = self.form.opening(choice)
            if opening is not None:
                yield opening | blank
        async with aclosing(chunks(replies, sampling.n)) as arriving:
            async for chunk in arriving:
                tokens += len(chunk.token_ids)
                if chunk.text or chunk.finish:
                    yield self.form.piece(chunk) | blank
        if sampling.include_usage:
            yield self.form.closing(self._usage(tokens))

    def _usage(self, completion_tokens: int) -> Json:
        return usage(sum(len(job.prompt) for job in self.jobs), completion_tokens)


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


async def _send_event(send: Send, data: str) -> None:
    await send({"type": "http.response.body", "body": f"data: {data}\n\n".encode(), "more_body": True})
