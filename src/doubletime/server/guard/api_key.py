"""Who may use the server: those that know one of its keys."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from hmac import compare_digest

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from doubletime.server.errors import ApiError, reply_of

_OPEN = frozenset({"/health", "/"})
_PAGE = "/page/"  # the live page holds no secret; it asks whoever opens it for a key


class ApiKeys:
    """Lets a request pass that brings `Authorization: Bearer KEY` with a known key; /health and the page need none.

    Digests are compared, all of them, in constant time: how long a refusal takes tells nothing of the keys.
    """

    def __init__(self, app: ASGIApp, keys: Sequence[str]) -> None:
        self._app = app
        self._digests = [sha256(key.encode()).digest() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_open(scope["path"]) and not self._known(Headers(scope=scope)):
            message = "this server needs an API key: send a known one as 'Authorization: Bearer KEY'"
            error = ApiError(401, message, code="invalid_api_key", headers={"WWW-Authenticate": "Bearer"})
            await reply_of(error)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _known(self, headers: Headers) -> bool:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        digest = sha256(key.strip().encode("latin-1")).digest()  # as the bytes came
        matches = [compare_digest(digest, known) for known in self._digests]
        return scheme.lower() == "bearer" and any(matches)


def _is_open(path: str) -> bool:
    return path in _OPEN or path.startswith(_PAGE)
