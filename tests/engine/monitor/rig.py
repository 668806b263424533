"""An engine in virtual time with a monitor, as the host would tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Sequence as Indexed
from dataclasses import replace
from typing import Any

from doubletime.core.events import Event, Result, Row
from doubletime.core.loop import Engine
from doubletime.core.plan import Plan
from doubletime.core.policy import Policy
from doubletime.core.scheduler import Scheduler
from doubletime.core.sequence import Sequence as Ended
from doubletime.core.virtual import VirtualSource
from doubletime.core.vocabulary import DepthMap, GroupKind, KVGroup, Limits, Nanoseconds
from doubletime.engine.monitor.messages import Inspect, RequestRow, Snapshot
from doubletime.engine.monitor.monitor import Monitor
from doubletime.engine.monitor.reasons import REASONS
from doubletime.executors.scripted import ScriptedExecutor, as_planned

MS = 1_000_000
FULL = KVGroup((0,), GroupKind.FULL, 4, 64)


class TellingSource(VirtualSource):
    """Passes on what a host passes on. From step `failing` on the forward pass breaks once."""

    monitor: Monitor

    def __init__(self, events: Iterable[Event], failing: int | None) -> None:
        super().__init__(events)
        self.ended_seqs: list[Ended] = []
        self._failing = failing

    def take(self, wake: Nanoseconds | None) -> Indexed[Event] | None:
        events = super().take(wake)
        return events and [self._broken(event) for event in events]

    def refused(self, request: int, reason: str) -> None:
        super().refused(request, reason)
        self.monitor.refused(request)

    def ended(self, seq: Ended) -> None:
        super().ended(seq)
        self.ended_seqs.append(seq)
        self.monitor.ended(seq)

    def _broken(self, event: Event) -> Event:
        if isinstance(event, Result) and event.step == self._failing:
            return Result(event.time, event.step, event.duration, failed=True)
        return event


class Watched:
    """A step takes a millisecond. `seats`, `rows` and `blocks` bound the engine."""

    asked = Inspect(0, requests=1000)

    def __init__(
        self,
        events: Iterable[Event],
        *parts: Policy,
        blocks: int = 1000,
        seats: int = 4,
        rows: int = 32,
        in_flight: int = 2,
        failing: int | None = None,
        rows_of_a_step: Callable[[Plan], tuple[Row, ...]] = as_planned,
    ) -> None:
        limits = Limits((FULL,), (blocks,), DepthMap(2), seats, max(rows, seats), 256)
        self.source = TellingSource(events, failing)
        self.scheduler = Scheduler(limits, parts)
        self.monitor = self.source.monitor = Monitor(self.scheduler)
        self.executor = ScriptedExecutor(limits, self.source, rows=rows_of_a_step)
        self.engine = Engine(self.scheduler, self.executor, self.source, in_flight=in_flight, recorder=self.monitor)

    def until(self, time: float) -> Snapshot:
        """Runs until so many milliseconds have passed, or nothing is left to do."""
        while self.source.now < time * MS and self.engine.turn():
            pass
        return self.look()

    def look(self, **ask: Any) -> Snapshot:
        return self.monitor.snapshot(replace(self.asked, **ask), self.source.now)

    def request(self, number: int) -> RequestRow:
        (row,) = self.look(name=f"request-{number}").requests
        return row


def waited(row: RequestRow) -> dict[str, float]:
    """Milliseconds by reason, without the zeros."""
    return {reason: time / MS for reason, time in zip(REASONS, row.waited, strict=True) if time}
