"""What the HTTP process expects of the engine. Text comes ready made: stop strings are decided in the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol

from doubletime.core.vocabulary import Finish
from doubletime.decoding.params import SamplingParams


class Chunk(NamedTuple):
    """News of one choice: tokens, and the text they complete (perhaps none yet). The last one has a `finish`."""

    choice: int
    text: str
    token_ids: tuple[int, ...] = ()
    finish: Finish | None = None


class Refused(Exception):
    """The engine does not take the request, because it can never run; the text says why."""


class EngineStopped(Exception):
    """The engine is gone, or going."""


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

    async def start(self) -> None:
        """Called once, in the event loop that will use the client, before the first request."""
        ...

    async def close(self) -> None:
        """Called once, after the last request."""
        ...

    async def submit(self, prompt: Sequence[int], params: SamplingParams, priority: int = 0) -> Reply:
        """Hands a request over. Raises Refused or EngineStopped; cancelled while it waits, it leaves nothing behind."""
        ...
