"""An engine for the tests of the server: it says what it was told to say, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from doubletime.core.vocabulary import Finish
from doubletime.decoding.logprobs import TokenLogprobs
from doubletime.decoding.params import SamplingParams
from doubletime.engine.about import About
from doubletime.engine.messages import Params
from doubletime.engine.monitor.messages import Snapshot
from doubletime.server.client import Chunk, EngineStopped, Refused
from tests.server.monitor.snapshots import snapshot


@dataclass
class FakeReply:
    """Every choice gets the same pieces, a token each, up to max_tokens; before each it waits `pause` seconds."""

    params: SamplingParams
    pieces: Sequence[str]
    pause: float
    dies_after: int | None
    end: Finish
    prompt: Sequence[int] = ()
    stop_reason: str | int | None = None
    cached: int = 0
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        pieces = self.pieces[: self.params.max_tokens]
        last = Finish.LENGTH if len(pieces) == self.params.max_tokens else self.end
        if not pieces:
            yield self._about(Chunk(0, "", (), last), 0)
        for at, piece in enumerate(pieces):
            if at == self.dies_after:
                raise EngineStopped("the engine has died")
            await asyncio.sleep(self.pause)
            for choice in range(self.params.n):
                yield self._about(Chunk(choice, piece, (at,), last if at == len(pieces) - 1 else None), at)

    def _about(self, chunk: Chunk, at: int) -> Chunk:
        """With what was asked: the second token of each place is likelier than the one that is there."""
        if self.params.logprobs is not None:
            chunk = chunk._replace(logprobs=tuple(_known(token, self.params.logprobs) for token in chunk.token_ids))
        if chunk.finish is Finish.STOP:
            chunk = chunk._replace(stop_reason=self.stop_reason)
        if at == 0:
            chunk = chunk._replace(cached=self.cached)
        if at == chunk.choice == 0 and self.params.prompt_logprobs is not None:
            known = [_known(token, self.params.prompt_logprobs) for token in self.prompt[1:]]
            chunk = chunk._replace(prompt_logprobs=(None, *known))
        return chunk

    def cancel(self) -> None:
        self.cancelled.set()


def _known(token: int, best: int) -> TokenLogprobs:
    return TokenLogprobs(-1.5, ((300, -0.5), (token, -1.5), (301, float("-inf")))[:best], 2)


@dataclass
class FakeClient:
    pieces: Sequence[str] = ("Hel", "", "lo", " wörld")
    pause: float = 0.0
    dies_after: int | None = None
    end: Finish = Finish.STOP
    stop_reason: str | int | None = None
    cached: int = 0
    refusal: str = ""
    healthy: bool = True
    asked: list[tuple[list[int], SamplingParams]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    priorities: list[int] = field(default_factory=list)
    replies: list[FakeReply] = field(default_factory=list)
    state: str = "new"
    about: About = field(
        default_factory=lambda: About(
            "tiny", "fcfs", "cpu", "float32", "torch", kv_blocks=(8,), block_tokens=16, depth=4
        )
    )
    snapshot: Snapshot = field(default_factory=snapshot)
    inspected: list[tuple[int, str, int]] = field(default_factory=list)

    async def inspect(self, requests: int = 0, name: str = "", after: int = -1) -> Snapshot:
        if not self.healthy:
            raise EngineStopped("the engine has died")
        self.inspected.append((requests, name, after))
        return self.snapshot

    def reset(self) -> None:
        """As new."""
        vars(self).update(vars(FakeClient()))

    async def start(self) -> None:
        self.state = "started"

    async def close(self) -> None:
        self.state = "closed"

    async def submit(self, prompt: Sequence[int], params: Params, priority: int = 0, name: str = "") -> FakeReply:
        assert isinstance(params, SamplingParams)
        if self.refusal and len(prompt) > 3:
            raise Refused(self.refusal)
        self.asked.append((list(prompt), params))
        self.names.append(name)
        self.priorities.append(priority)
        self.replies.append(
            FakeReply(params, self.pieces, self.pause, self.dies_after, self.end, prompt, self.stop_reason, self.cached)
        )
        return self.replies[-1]
