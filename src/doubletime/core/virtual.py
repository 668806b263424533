"""Virtual time: a source that jumps from one thing that happens to the next."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Protocol

from doubletime.core.events import Event, Result, Timer
from doubletime.core.sequence import Sequence as Ended
from doubletime.core.vocabulary import Nanoseconds


class Timed(Protocol):
    """An executor in virtual time."""

    @property
    def ends_at(self) -> Nanoseconds | None:
        """When the running step ends; None if none runs."""

    def land(self, now: Nanoseconds) -> Result:
        """Ends the running step and starts the next one that was dispatched."""


class VirtualSource:
    """Posted events in the order of their times (ties: as posted), merged with the results of one executor.

    At the same time, what was posted comes before the result, and the result before the timer.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.now: Nanoseconds = 0
        self.executor: Timed | None = None
        self.refusals: list[tuple[int, str]] = []
        self._heap: list[tuple[Nanoseconds, int, Event]] = []
        self._count = 0
        for event in events:
            self.post(event)

    def post(self, event: Event) -> None:
        """An event that enters at its time, which may be while a step runs."""
        heapq.heappush(self._heap, (event.time, self._count, event))
        self._count += 1

    @property
    def next_time(self) -> Nanoseconds | None:
        """When the next posted event enters."""
        return self._heap[0][0] if self._heap else None

    def take(self, wake: Nanoseconds | None) -> Sequence[Event] | None:
        posted = self.next_time
        ends = self.executor.ends_at if self.executor else None
        times = [time for time in (posted, ends, wake) if time is not None]
        if not times:
            return None
        self.now = max(self.now, min(times))
        if posted is not None and posted <= self.now:
            return self._due()
        if ends is not None and ends <= self.now:
            assert self.executor is not None
            return [self.executor.land(self.now)]
        return [Timer(self.now)]

    def refused(self, request: int, reason: str) -> None:
        self.refusals.append((request, reason))

    def ended(self, seq: Ended) -> None:
        """Nobody here needs to know."""

    def _due(self) -> list[Event]:
        events = []
        while self._heap and self._heap[0][0] <= self.now:
            events.append(heapq.heappop(self._heap)[2])
        return events
