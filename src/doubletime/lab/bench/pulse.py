"""How late an event loop is: when it is, the times that it takes of tokens are late too."""

from __future__ import annotations

import asyncio
import time

from doubletime.core.vocabulary import SECOND
from doubletime.lab.percentiles import Tally

_BEAT = SECOND // 50


async def pulse(lag: Tally) -> None:
    """Wakes up again and again, and adds how much later than it should each time. Ends when it is cancelled."""
    while True:
        due = time.monotonic_ns() + _BEAT
        await asyncio.sleep(_BEAT / SECOND)
        lag.add(max(0, time.monotonic_ns() - due))
