"""The chunks of one request, filled by the bridge and read by whoever answers the client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import Protocol

from doubletime.core.vocabulary import Finish
from doubletime.engine.messages import Update
from doubletime.server.client import Chunk, EngineStopped, Refused


class Desk(Protocol):
    """Who handed the request over."""

    def forget(self, handle: int) -> None:
        """It has ended."""
        ...

    def abort(self, handle: int) -> None:
        """Nobody wants it any more."""
        ...


class BridgeReply:
    """A `server.client.Reply`. A reader that is behind gets what has come meanwhile of a choice as one chunk."""

    def __init__(self, desk: Desk, handle: int, n: int) -> None:
        self._desk = desk
        self._handle = handle
        self._living = n
        self._news: list[Update] = []
        self._begun: float | None = None  # when
        self._cached = 0
        self._over: EngineStopped | None = None
        self._arrived = asyncio.Event()

    def begin(self, cached: int) -> None:
        """Its first step is on its way: nothing can refuse it any more. `cached`: prompt tokens with KV already."""
        self._begun, self._cached = time.monotonic(), cached
        self._arrived.set()

    def put(self, update: Update) -> None:
        self._news.append(update)
        self._arrived.set()

    def stop(self, reason: EngineStopped) -> None:
        """The engine is gone; no update follows."""
        self._over = reason
        self._arrived.set()

    async def accepted(self) -> None:
        """Waits until it begins. Raises Refused or EngineStopped."""
        while self._begun is None and not self._news:
            await self._arrival()
        if self._news and self._news[0].refused:
            self._living = 0
            self._desk.forget(self._handle)
            raise Refused(self._news[0].error)

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        while self._living:
            while not self._news:
                await self._arrival()
            news, self._news = self._news, []
            chunks = [_chunk(update) for update in news]
            if self._begun is not None:  # told once, with the first chunk
                prefill_s, self._begun = time.monotonic() - self._begun, None
                chunks[0] = chunks[0]._replace(cached=self._cached, prefill_s=prefill_s)
            self._living -= sum(chunk.finish is not None for chunk in chunks)
            if not self._living:
                self._desk.forget(self._handle)
            for chunk in merged(chunks):
                yield chunk

    def cancel(self) -> None:
        if self._living:
            self._living = 0
            self._desk.abort(self._handle)

    async def _arrival(self) -> None:
        """Waits until something happens. Raises EngineStopped when nothing can."""
        if self._over is not None:
            self._living = 0
            raise self._over
        self._arrived.clear()
        await self._arrived.wait()


def _chunk(update: Update) -> Chunk:
    text = update.error or update.text
    return Chunk(
        update.choice, text, update.tokens, update.finish, update.stop_reason, update.logprobs,
        prompt_logprobs=update.prompt_logprobs, embedding=update.embedding,
    )  # fmt: skip


def merged(chunks: list[Chunk]) -> Iterable[Chunk]:
    """The chunks of each choice as one, but for an error, whose text is no output."""
    if len(chunks) == 1:
        return chunks
    whole: dict[int, Chunk] = {}
    failed = [chunk for chunk in chunks if chunk.finish is Finish.ERROR]
    for chunk in chunks:
        if chunk.finish is not Finish.ERROR:
            before = whole.get(chunk.choice)
            whole[chunk.choice] = chunk if before is None else _joined(before, chunk)
    return [*whole.values(), *failed]


def _joined(first: Chunk, second: Chunk) -> Chunk:
    """What comes with the first chunk of a choice only is the first's."""
    return first._replace(
        text=first.text + second.text,
        token_ids=first.token_ids + second.token_ids,
        finish=second.finish,
        stop_reason=second.stop_reason,
        logprobs=first.logprobs + second.logprobs,
    )
