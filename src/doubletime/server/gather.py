"""The replies of one or more jobs as one stream of chunks; whatever ends it, no request is left running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from doubletime.core.vocabulary import Finish
from doubletime.server.client import Chunk, EngineClient, EngineStopped, Reply
from doubletime.server.errors import ApiError
from doubletime.server.prompts import Job


@asynccontextmanager
async def submitted(client: EngineClient, jobs: Sequence[Job]) -> AsyncIterator[list[Reply]]:
    """Submits all jobs, or none if the engine refuses one; cancels on the way out."""
    replies: list[Reply] = []
    try:
        for job in jobs:
            replies.append(await client.submit(job.prompt, job.params))  # noqa: PERF401 - those before a refusal count
        yield replies
    finally:
        for reply in replies:
            reply.cancel()


async def chunks(replies: Sequence[Reply], n: int) -> AsyncGenerator[Chunk, None]:
    """All chunks as they come; choice `i` of job `j` is choice `j * n + i`. Raises ApiError if a choice fails."""
    if len(replies) == 1:
        async for chunk in replies[0]:
            yield _sound(chunk)
        return
    arrived: asyncio.Queue[Chunk | BaseException | None] = asyncio.Queue()
    tasks = [asyncio.create_task(_forward(reply, at * n, arrived)) for at, reply in enumerate(replies)]
    try:
        for _ in tasks:
            while (item := await arrived.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield _sound(item)
    finally:
        for task in tasks:
            task.cancel()


async def _forward(reply: Reply, first: int, arrived: asyncio.Queue[Chunk | BaseException | None]) -> None:
    """Each reply ends with one None, or with an exception."""
    try:
        async for chunk in reply:
            arrived.put_nowait(chunk._replace(choice=first + chunk.choice))
        arrived.put_nowait(None)
    except Exception as error:
        arrived.put_nowait(error)


def _sound(chunk: Chunk) -> Chunk:
    if chunk.finish is Finish.ERROR:
        raise ApiError(500, f"the engine could not finish the request: {chunk.text}", code="engine_error")
    if chunk.finish is Finish.CANCEL:
        raise EngineStopped("the request was cancelled by the server")
    return chunk


@dataclass(slots=True)
class Choice:
    """What has come of one choice."""

    index: int
    texts: list[str] = field(default_factory=list)
    tokens: int = 0
    finish: Finish | None = None

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def add(self, chunk: Chunk) -> None:
        self.texts.append(chunk.text)
        self.tokens += len(chunk.token_ids)
        self.finish = chunk.finish


async def collect(replies: Sequence[Reply], n: int) -> list[Choice]:
    """Every choice, whole, in order."""
    choices = [Choice(index) for index in range(len(replies) * n)]
    async for chunk in chunks(replies, n):
        choices[chunk.choice].add(chunk)
    return choices
