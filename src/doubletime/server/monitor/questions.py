"""Questions to an engine process that are open, and who waits for the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count

from doubletime.engine.monitor.messages import Inspect, Snapshot


class Questions:
    """Lives in the event loop. Every question is answered once, or fails with the engine."""

    def __init__(self) -> None:
        self._open: dict[int, asyncio.Future[Snapshot]] = {}
        self._numbers = count()

    async def ask(self, send: Callable[[Inspect], None], requests: int, name: str, after: int) -> Snapshot:
        """The engine as it is now. Raises whatever `fail` was given."""
        query = next(self._numbers)
        answer: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        self._open[query] = answer
        send(Inspect(query, requests, name, after))
        try:
            return await answer
        finally:
            self._open.pop(query, None)

    def answer(self, snapshot: Snapshot) -> None:
        waiting = self._open.pop(snapshot.query, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(snapshot)

    def fail(self, error: Exception) -> None:
        """Nobody will answer any more."""
        for waiting in self._open.values():
            if not waiting.done():
                waiting.set_exception(error)
        self._open.clear()
