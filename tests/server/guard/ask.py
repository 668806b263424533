"""Applications behind guards, asked without a network."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


async def fine(scope: Scope, receive: Receive, send: Send) -> None:
    """Lets everything pass."""
    await PlainTextResponse("fine")(scope, receive, send)


def ask(app: ASGIApp, method: str, path: str, **request: Any) -> httpx.Response:
    """One request."""

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://server:8000") as client:
            return await client.request(method, path, **request)

    return asyncio.run(asked())


def told(reply: httpx.Response, status: int) -> str:
    """The code of an error in OpenAI's shape."""
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    code: str = error["code"]
    return code
