"""One look at the engine for all who look at about the same time."""

from __future__ import annotations

import asyncio
import time

from doubletime.engine.monitor.messages import Snapshot
from doubletime.server.client import EngineClient

ROWS = 200  # requests in a look


class Watch:
    """However many watch, the engine is asked once at a time."""

    def __init__(self, client: EngineClient) -> None:
        self._client = client
        self._latest: Snapshot | None = None
        self._at = 0.0
        self._asking: asyncio.Task[Snapshot] | None = None

    async def look(self, age: float) -> Snapshot:
        """The engine as it was at most `age` seconds ago. Raises EngineStopped."""
        if self._latest is not None and time.monotonic() - self._at <= age and self._client.healthy:
            return self._latest
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
            self._asking.add_done_callback(_seen)
        return await asyncio.shield(self._asking)

    async def _ask(self) -> Snapshot:
        self._latest = await self._client.inspect(ROWS)
        self._at = time.monotonic()
        return self._latest


def _seen(look: asyncio.Task[Snapshot]) -> None:
    """All who waited may have left: that it failed is then nobody's concern."""
    if not look.cancelled():
        look.exception()
