"""The log of a server that runs: now and then a line of what happened since the last, and none while nothing does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial

from doubletime.engine.monitor.messages import Snapshot
from doubletime.engine.monitor.reasons import REASONS
from doubletime.engine.monitor.tallies import Tallies
from doubletime.server.client import EngineClient, EngineStopped
from doubletime.server.monitor.settings import MonitorSettings

_NO_STEPS = 1 << 62


def start_log(client: EngineClient, settings: MonitorSettings) -> asyncio.Task[None]:
    """Cancel it at the end. Needs a running event loop."""
    return asyncio.create_task(keep_log(client, settings.log_interval, partial(print, flush=True)))


async def keep_log(client: EngineClient, interval: float, say: Callable[[str], None]) -> None:
    """Says a line every `interval` seconds (0: never) in which something happened, until it is cancelled."""
    before, since = Tallies(), time.monotonic()
    while interval:
        await asyncio.sleep(interval)
        try:
            snapshot = await client.inspect(after=_NO_STEPS)
        except EngineStopped:
            continue
        if snapshot.tallies.steps < before.steps:  # another engine
            before = Tallies()
        if snapshot.live or snapshot.tallies.steps > before.steps:
            say(f"{datetime.now():%H:%M:%S} {line(before, snapshot, time.monotonic() - since)}")
        before, since = snapshot.tallies, time.monotonic()


def line(before: Tallies, snapshot: Snapshot, passed: float) -> str:
    """What happened in the `passed` seconds, and what is now."""
    now = snapshot.tallies
    parts = [
        f"{(now.output_tokens - before.output_tokens) / passed:.1f} tokens/s out, "
        f"{(now.prefill_tokens - before.prefill_tokens) / passed:.1f} in",
        f"{snapshot.running} running, {snapshot.waiting} waiting{_reasons(snapshot)}",
        f"KV {_in_use(snapshot):.0%} in use",
        f"requests ended: {_ended(now) - _ended(before)}",
        _counted("failed", now.ended["error"] - before.ended["error"]),
        _counted("preemptions", now.preemptions - before.preemptions),
        f"the policy failed: {now.last_fault}" if now.faults > before.faults else "",
    ]
    return "; ".join(part for part in parts if part)


def _reasons(snapshot: Snapshot) -> str:
    found = [f"{count} for {reason}" for reason, count in zip(REASONS, snapshot.waiting_for, strict=True) if count]
    return f" ({', '.join(found)})" if found else ""


def _in_use(snapshot: Snapshot) -> float:
    return max((row.running + row.held) / row.total for row in snapshot.kv)


def _ended(tallies: Tallies) -> int:
    return sum(tallies.ended.values())


def _counted(what: str, count: int) -> str:
    return f"{what}: {count}" if count else ""
