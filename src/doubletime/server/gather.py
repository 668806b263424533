"""The replies of one or more jobs as one stream of chunks; whatever ends it, no request is left running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import chain

from doubletime.core.vocabulary import Finish
from doubletime.server.client import Chunk, EngineClient, EngineStopped, Reply
from doubletime.server.errors import ApiError
from doubletime.server.prompts import Job
from doubletime.server.usage import Usage


@asynccontextmanager
async def submitted(client: EngineClient, jobs: Sequence[Job], name: str) -> AsyncIterator[list[Reply]]:
    """Submits all jobs, or none if the engine refuses one; cancels on the way out.

    A single job has the name of the request; of several, each gets its number too.
    """
    names = [name] if len(jobs) == 1 else [f"{name}-{at}" for at in range(len(jobs))]
    taken = [
        asyncio.create_task(client.submit(job.prompt, job.params, job.priority, job_name))
        for job, job_name in zip(jobs, names, strict=True)
    ]
    try:
        yield await asyncio.gather(*taken)
    finally:
        for task in taken:
            _let_go(task)


def _let_go(taken: asyncio.Task[Reply]) -> None:
    """Ends a request, whether the engine has taken it or it still waits to be."""
    if not taken.cancel() and not taken.cancelled() and taken.exception() is None:
        taken.result().cancel()


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
    chunks: list[Chunk] = field(default_factory=list)

    def joined(self) -> Chunk:
        """As one chunk, the last."""
        first, last = self.chunks[0], self.chunks[-1]
        return Chunk(
            self.index,
            "".join(chunk.text for chunk in self.chunks),
            tuple(chain.from_iterable(chunk.token_ids for chunk in self.chunks)),
            last.finish,
            last.stop_reason,
            tuple(chain.from_iterable(chunk.logprobs for chunk in self.chunks)),
            first.cached,
            first.prompt_logprobs,
        )


async def collect(replies: Sequence[Reply], n: int, usage: Usage) -> list[Choice]:
    """Every choice, whole, in order; `usage` has counted them."""
    choices = [Choice(index) for index in range(len(replies) * n)]
    async for chunk in chunks(replies, n):
        usage.add(chunk)
        choices[chunk.choice].chunks.append(chunk)
    return choices
