"""Which web pages may use the server: its own, and those of the origins that were allowed."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from doubletime.server.errors import ApiError, reply_of


class Origins:
    """Refuses what a page of another origin sends; of an allowed one, says so to the browser (CORS).

    A browser hides replies from foreign pages, but it sends their requests all the same: any page that a person visits
    could make a server on that person's machine work. Programs that are no browsers send no Origin.
    """

    def __init__(self, app: ASGIApp, allowed: Sequence[str]) -> None:
        self._app = app
        self._allowed = frozenset(allowed)
        self._cors = CORSMiddleware(app, tuple(allowed), allow_methods=("GET", "POST"), allow_headers=("*",))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = Headers(scope=scope).get("origin") if scope["type"] == "http" else None
        if origin is None or urlsplit(origin).netloc == Headers(scope=scope).get("host"):
            await self._app(scope, receive, send)
        elif self._allowed & {origin, "*"}:
            await self._cors(scope, receive, send)
        else:
            message = f"pages of {origin!r} may not use this server: start it with --allow-origin {origin}"
            await reply_of(ApiError(403, message, code="origin_not_allowed"))(scope, receive, send)
