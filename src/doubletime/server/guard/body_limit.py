"""No body may be longer than the limit, whether it says its length or comes in chunks."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from doubletime.server.errors import ApiError, reply_of


class BodyLimit:
    """Answers 413. A body that says its length is refused before any of it is read."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif int(Headers(scope=scope).get("content-length", "0")) > self._limit:
            await reply_of(self._error())(scope, receive, send)
        else:
            await self._app(scope, self._counted(receive), send)

    def _counted(self, receive: Receive) -> Receive:
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limit:
                raise self._error()
            return message

        return counted

    def _error(self) -> ApiError:
        return ApiError(413, f"the body is longer than this server takes ({self._limit} bytes)", code="body_too_long")
