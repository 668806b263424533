"""An engine for the tests of the server: it says what it was told to say, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from doubletime.core.vocabulary import Finish
from doubletime.decoding.params import SamplingParams
from doubletime.server.client import Chunk, EngineStopped, Refused


@dataclass
class FakeReply:
    """Every choice gets the same pieces, a token each, up to max_tokens; before each it waits `pause` seconds."""

    params: SamplingParams
    pieces: Sequence[str]
    pause: float
    dies_after: int | None
    end: Finish
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        pieces = self.pieces[: self.params.max_tokens]
        last = Finish.LENGTH if len(pieces) == self.params.max_tokens else self.end
        for at, piece in enumerate(pieces):
            if at == self.dies_after:
                raise EngineStopped("the engine has died")
            await asyncio.sleep(self.pause)
            for choice in range(self.params.n):
                yield Chunk(choice, piece, (at,), last if at == len(pieces) - 1 else None)

    def cancel(self) -> None:
        self.cancelled.set()


@dataclass
class FakeClient:
    pieces: Sequence[str] = ("Hel", "", "lo", " wörld")
    pause: float = 0.0
    dies_after: int | None = None
    end: Finish = Finish.STOP
    refusal: str = ""
    healthy: bool = True
    asked: list[tuple[list[int], SamplingParams]] = field(default_factory=list)
    replies: list[FakeReply] = field(default_factory=list)
    state: str = "new"

    def reset(self) -> None:
        """As new."""
        vars(self).update(vars(FakeClient()))

    async def start(self) -> None:
        self.state = "started"

    async def close(self) -> None:
        self.state = "closed"

    async def submit(self, prompt: Sequence[int], params: SamplingParams, priority: int = 0) -> FakeReply:
        if self.refusal and len(prompt) > 3:
            raise Refused(self.refusal)
        self.asked.append((list(prompt), params))
        self.replies.append(FakeReply(params, self.pieces, self.pause, self.dies_after, self.end))
        return self.replies[-1]
