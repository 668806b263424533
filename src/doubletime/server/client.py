"""What the HTTP process expects of the engine. Text comes ready made: stop strings are decided in the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol

from doubletime.core.vocabulary import Finish
from doubletime.engine.about import About
from doubletime.engine.messages import Params, TokenLogprobs
from doubletime.engine.monitor.messages import Snapshot


class Chunk(NamedTuple):
    """News of one choice: tokens, and the text they complete (perhaps none yet). The last one has a `finish`.

    stop_reason: the stop string or stop token id that ended it. logprobs: one a token, if they were asked for.
    In the first chunk of a request, cached: the prompt tokens whose KV was there already; prefill_s: the seconds from
    the plan of its first step to this chunk. In the first chunk of a choice, prompt_logprobs: one a prompt token (None
    for the first, which nothing comes before), if they were asked for. embedding: float32 numbers,
    little-endian, in the only chunk of a request for one.
    """

    choice: int
    text: str
    token_ids: tuple[int, ...] = ()
    finish: Finish | None = None
    stop_reason: str | int | None = None
    logprobs: tuple[TokenLogprobs, ...] = ()
    cached: int = 0
    prompt_logprobs: tuple[TokenLogprobs | None, ...] = ()
    embedding: bytes | None = None
    prefill_s: float = 0.0


class Refused(Exception):
    """The engine does not take the request, because it can never run; the text says why."""


class EngineStopped(Exception):
    """The engine is gone, or going. `back_in`: seconds after which it will probably be there again, if it will."""

    def __init__(self, message: str = "", back_in: int | None = None) -> None:
        super().__init__(message)
        self.back_in = back_in


class Reply(Protocol):
    """The chunks of one request; for each choice in order, and over when every choice has finished."""

    def __aiter__(self) -> AsyncIterator[Chunk]:
        """Raises EngineStopped if the engine goes while the request lives."""
        ...

    def cancel(self) -> None:
        """Ends what still lives of the request. Never blocks; may come at any time, also again or after the end."""
        ...


class EngineClient(Protocol):
    """The engine, seen from the event loop."""

    @property
    def healthy(self) -> bool:
        """Whether the engine lives and takes requests."""
        ...

    @property
    def about(self) -> About:
        """What the engine is."""
        ...

    async def inspect(self, requests: int = 0, name: str = "", after: int = -1) -> Snapshot:
        """The engine as it is now, with up to `requests` requests, and its last steps but those up to `after`.

        name: only requests that the API calls so. Raises EngineStopped.
        """
        ...

    async def start(self) -> None:
        """Called once, in the event loop that will use the client, before the first request."""
        ...

    async def close(self) -> None:
        """Called once, after the last request."""
        ...

    async def submit(self, prompt: Sequence[int], params: Params, priority: int = 0, name: str = "") -> Reply:
        """Hands a request over. Raises Refused or EngineStopped; cancelled while it waits, it leaves nothing behind.

        name: what the API calls it.
        """
        ...
