"""Just enough HTTP for a benchmark: one request a connection, JSON out, a streamed body in. Standard library only."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

_LIMIT = 1 << 24  # bytes of one line


class HttpError(Exception):
    """The server answered with an error; `status` is its code, the text what it said."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Server(NamedTuple):
    """Where requests go: `path` is what comes before /completions."""

    host: str
    port: int
    secure: bool
    path: str
    key: str | None = None


def server_at(url: str, key: str | None = None) -> Server:
    """http(s)://host:port, with or without a path that ends in /v1. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no http:// or https:// URL")
    secure = parts.scheme == "https"
    path = parts.path.rstrip("/")
    path = path if path.endswith("/v1") else f"{path}/v1"
    return Server(parts.hostname, parts.port or (443 if secure else 80), secure, path, key)


async def get(server: Server, path: str) -> Any:
    """The JSON at a path. Raises HttpError, OSError, ValueError."""
    return json.loads(b"".join([line async for line in lines(server, "GET", path)]))


async def lines(server: Server, method: str, path: str, body: Any = None) -> AsyncGenerator[bytes, None]:
    """The lines of a reply as they come. Raises HttpError for an error, OSError for a lost connection."""
    reader, writer = await _connect(server)
    try:
        writer.write(_request(server, method, path, body))
        await writer.drain()
        status, headers = await _head(reader)
        pieces = _body(reader, headers)
        if status != 200:
            raise HttpError(status, _message(status, b"".join([piece async for piece in pieces])))
        async for line in _split(pieces):
            yield line
    except asyncio.IncompleteReadError as error:
        raise ConnectionError("the connection was lost in the middle of a reply") from error
    finally:
        writer.close()


async def _connect(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = ssl.create_default_context() if server.secure else None
    try:
        return await asyncio.open_connection(server.host, server.port, ssl=context, limit=_LIMIT)
    except ConnectionRefusedError as error:
        raise ConnectionError(f"nobody listens at {server.host}:{server.port} (connection refused)") from error
    except OSError as error:
        raise ConnectionError(f"cannot connect to {server.host}:{server.port}: {error.strerror or error}") from error


def _request(server: Server, method: str, path: str, body: Any) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    head = [
        f"{method} {server.path}{path} HTTP/1.1",
        f"Host: {server.host}:{server.port}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
    ]
    if server.key:
        head.append(f"Authorization: Bearer {server.key}")
    return "\r\n".join([*head, "", ""]).encode() + content


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *rest = text.strip().split("\r\n")
    pairs = (line.partition(":") for line in rest)
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():
        raise ConnectionError(f"the reply is not HTTP: {first[:80]!r}")
    return int(words[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> AsyncGenerator[bytes, None]:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        while size := int((await reader.readuntil(b"\n")).split(b";")[0], 16):
            yield await reader.readexactly(size)
            await reader.readuntil(b"\n")
    elif "content-length" in headers:
        yield await reader.readexactly(int(headers["content-length"]))
    else:
        while piece := await reader.read(1 << 16):
            yield piece


async def _split(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.rstrip(b"\r")
    if rest:
        yield rest


def _message(status: int, body: bytes) -> str:
    """What an OpenAI-style error says, else the first of its text."""
    try:
        data = json.loads(body)
        error = data.get("error", data)
        said = error.get("message", error) if isinstance(error, dict) else error
    except (ValueError, AttributeError):
        said = body.decode(errors="replace")
    return f"{status}: {str(said)[:300]}"
