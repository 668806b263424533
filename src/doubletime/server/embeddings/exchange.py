"""One request for embeddings and its reply."""

from __future__ import annotations

import asyncio
import json
from array import array
from base64 import b64encode
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from doubletime.server.client import EngineClient
from doubletime.server.embeddings.fields import EmbeddingRequest
from doubletime.server.formats import new_id
from doubletime.server.gather import chunks, submitted
from doubletime.server.hangup import HungUp, unless_hung_up
from doubletime.server.prompts import Job


@dataclass(frozen=True, slots=True)
class EmbeddingExchange:
    """An ASGI application for one request whose body has been read. A client that hangs up cancels the work."""

    client: EngineClient
    jobs: Sequence[Job]
    request: EmbeddingRequest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(HungUp):
            await unless_hung_up(receive, self._answer(scope, receive, send))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        vectors = [b""] * len(self.jobs)
        async with (
            submitted(self.client, self.jobs, new_id("embd")) as replies,
            aclosing(chunks(replies, 1)) as arriving,
        ):
            async for chunk in arriving:
                vectors[chunk.choice] = chunk.embedding or b""
        response = Response(await self._body(vectors), media_type="application/json")
        await response(scope, receive, send)

    async def _body(self, vectors: Sequence[bytes]) -> bytes:
        """The JSON, made in pieces: a long list of numbers must not keep the others waiting."""
        pieces = []
        for at, vector in enumerate(vectors):
            pieces.append(_dump({"object": "embedding", "index": at, "embedding": self._spelled(vector)}))
            await asyncio.sleep(0)
        tokens = sum(len(job.prompt) for job in self.jobs)
        rest = {"model": self.request.model, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}
        return b'{"object":"list","data":[%b],%b' % (b",".join(pieces), _dump(rest)[1:])

    def _spelled(self, vector: bytes) -> str | list[float]:
        if self.request.encoding_format == "base64":
            return b64encode(vector).decode()
        return array("f", vector).tolist()


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
