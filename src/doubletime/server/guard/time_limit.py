"""A request that takes too long ends, and gives back what it holds."""

from __future__ import annotations

import asyncio
import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from doubletime.server.errors import ApiError, reply_of


class TimeLimit:
    """Cancels the work of a POST after `limit` seconds: 504, or the last event of a stream that has begun."""

    def __init__(self, app: ASGIApp, limit: float) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        sent = _Sent(send)
        try:
            async with asyncio.timeout(self._limit) as timer:
                await self._app(scope, receive, sent)
        except TimeoutError:
            if not timer.expired():
                raise
            await self._tell(sent, scope, receive)

    async def _tell(self, sent: _Sent, scope: Scope, receive: Receive) -> None:
        # OpenAI's client sends a 504 again unless it is told not to; it would take as long.
        message = f"the request took longer than the {self._limit:g} s that this server gives"
        error = ApiError(504, message, code="request_timeout", headers={"x-should-retry": "false"})
        if not sent.began:
            await reply_of(error)(scope, receive, sent)
        elif not sent.ended:
            event = f"data: {json.dumps(error.to_json())}\n\n".encode()
            await sent({"type": "http.response.body", "body": event, "more_body": False})


class _Sent:
    """What has been sent of a reply."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.began = False
        self.ended = False

    async def __call__(self, message: Message) -> None:
        self.began = True
        await self._send(message)
        self.ended = message["type"] == "http.response.body" and not message.get("more_body", False)
