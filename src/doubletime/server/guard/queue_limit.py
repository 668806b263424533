"""A server that is behind says so at once, rather than let everybody wait longer than they will."""

from __future__ import annotations

from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from doubletime.server.errors import ApiError, reply_of


class Queue(Protocol):
    """The engine, as far as its queue goes."""

    @property
    def waiting(self) -> int:
        """Requests that wait for their first step."""
        ...

    @property
    def last_wait(self) -> float:
        """Seconds that the request waited which began last."""
        ...


class QueueLimit:
    """Answers 429 to what would make the engine work while `most` requests wait. A list of prompts goes in whole."""

    def __init__(self, app: ASGIApp, queue: Queue, most: int) -> None:
        self._app = app
        self._queue = queue
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        works = scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith("/v1/")
        if works and self._queue.waiting >= self._most:
            await reply_of(self._error())(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _error(self) -> ApiError:
        """Who comes back after the time that the queue takes now has a fair chance."""
        seconds = min(60, max(1, round(self._queue.last_wait)))
        message = f"{self._queue.waiting} requests wait already: try again in {seconds} s"
        return ApiError(429, message, code="queue_full", headers={"Retry-After": str(seconds)})
