"""One line of what happened now and then, and none while nothing does."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from doubletime.engine.monitor.messages import KVRow
from doubletime.engine.monitor.tallies import Tallies
from doubletime.server.monitor.logline import keep_log, line
from tests.server.fake import FakeClient
from tests.server.monitor.snapshots import snapshot

WORK = Tallies(output_tokens=420, prefill_tokens=3000.0, steps=50)


def test_a_line_says_what_went_on() -> None:
    now = snapshot(
        running=12, waiting=3, waiting_for=(0, 1, 2, 0, 0, 0, 0, 0), kv=(KVRow(100, 60, 12, 11, 17),), tallies=WORK
    )
    assert line(Tallies(), now, 10.0) == (
        "42.0 tokens/s out, 300.0 in; 12 running, 3 waiting (1 for seats, 2 for blocks); KV 71% in use; "
        "requests ended: 0"
    )


def test_what_goes_wrong_is_said_when_it_does() -> None:
    ended = {"stop": 2, "length": 1, "cancel": 0, "error": 1, "refused": 0}
    bad = replace(WORK, preemptions=4, faults=1, last_fault="ValueError: no", ended=ended)
    told = line(WORK, snapshot(tallies=bad), 5.0)
    assert told.endswith("requests ended: 4; failed: 1; preemptions: 4; the policy failed: ValueError: no")
    assert "preemptions" not in line(bad, snapshot(tallies=bad), 5.0)


def said(*snapshots: Tallies | None, live: int = 0, interval: float = 0.001) -> list[str]:
    """The lines of a log while the engine is as each of the snapshots says; None: it is dead."""
    lines: list[str] = []

    async def run() -> None:
        engine = FakeClient()
        task = asyncio.create_task(keep_log(engine, interval, lines.append))
        for tallies in snapshots:
            engine.healthy = tallies is not None
            engine.snapshot = snapshot(tallies=tallies or Tallies(), live=live)
            before = len(engine.inspected)
            while engine.healthy and interval and len(engine.inspected) < before + 2:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.003)
        task.cancel()

    asyncio.run(run())
    return lines


def test_an_idle_server_says_nothing() -> None:
    assert said(Tallies(), Tallies()) == []
    assert len(said(WORK, WORK)) == 1
    assert len(said(Tallies(), live=1)) > 1  # requests that get nowhere are worth a line


def test_a_new_engine_begins_anew_and_a_dead_one_is_somebody_else_s_news() -> None:
    assert len(said(WORK, None, Tallies(steps=3, output_tokens=7))) == 2


def test_no_interval_is_no_log() -> None:
    assert said(WORK, interval=0.0) == []
