"""The engine loop: events in, plan, execute. The same code runs in real and in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Row
from typing import Protocol

from doubletime.core.events import Event, Fallback
from doubletime.core.executor import Executor
from doubletime.core.plan import Plan
from doubletime.core.scheduler import Scheduler
from doubletime.core.sequence import Sequence
from doubletime.core.vocabulary import Nanoseconds


class Source(Protocol):
    """Where events come from, stamped with their time. In real time it waits, in virtual time it jumps."""

    def take(self, wake: Nanoseconds | None) -> Row[Event] | None:
        """The events at hand, waiting for the first; a Timer when `wake` comes before any. None: there is no more."""

    def refused(self, request: int, reason: str) -> None:
        """A request that arrived can never run; it has left no trace in the core."""

    def ended(self, seq: Sequence) -> None:
        """A sequence has ended, with its history."""


class Recorder(Protocol):
    """Who writes the log. See `doubletime.core.log`."""

    def event(self, step: int, event: Event) -> None:
        """An event, and the first step that could know of it."""

    def plan(self, scheduler: Scheduler, plan: Plan) -> None:
        """A step that was planned."""


class Engine:
    """One scheduler, one executor, one source. `in_flight` steps are planned ahead of results: 1 is synchronous."""

    def __init__(
        self,
        scheduler: Scheduler,
        executor: Executor,
        source: Source,
        *,
        in_flight: int = 1,
        recorder: Recorder | None = None,
        stopwatch: Callable[[], Nanoseconds] | None = None,
        planning_limit: Nanoseconds = 100_000_000,
    ) -> None:
        if in_flight < 1:
            raise ValueError(f"in_flight must be at least 1, not {in_flight}")
        self.scheduler = scheduler
        self.executor = executor
        self.source = source
        self.in_flight = in_flight
        self.recorder = recorder
        self.planning_ns: Nanoseconds = 0  # spent in planning so far (CPU time of the thread), if there is a stopwatch
        self.steps = 0  # dispatched
        self._stopwatch = stopwatch
        self._planning_limit = planning_limit
        self.wake: Nanoseconds | None = None  # when to plan again although nothing has happened

    def run(self) -> None:
        """Turns until the source has no more events."""
        while self.turn():
            pass

    def turn(self) -> bool:
        """Takes what has happened and plans what comes next. False when the source is exhausted."""
        events = self.source.take(self.wake)
        if events is None:
            return False
        for event in events:
            self.apply(event)
        for request, reason in self.scheduler.take_refused():
            self.source.refused(request, reason)
        for seq in self.scheduler.take_ended():
            self.source.ended(seq)
        for step in self.scheduler.take_stops():
            self.executor.stop(step)
        self._fill()
        return True

    def horizon(self) -> int:
        """How many turns from now on would change nothing but counters, if nothing else happens: see `core.leap`."""
        full = self.scheduler.in_flight == self.in_flight and self.wake is None
        return self.scheduler.horizon() if full else 0

    def leap(self, ends: Row[Nanoseconds]) -> None:
        """As many turns, each of which took the result of the oldest step at the time given and planned one more."""
        self.scheduler.leap(ends)
        self.steps += len(ends)

    def apply(self, event: Event) -> None:
        """Takes one event, without planning."""
        if self.recorder:
            self.recorder.event(self.scheduler.step, event)
        self.scheduler.apply(event)

    def _fill(self) -> None:
        """Plans and dispatches until enough steps are in flight or there is nothing to do."""
        self.wake = None
        while self.scheduler.in_flight < self.in_flight:
            plan = self._plan()
            if plan.idle:
                self.wake = plan.wake
                return
            self.steps += 1
            self.executor.dispatch(plan)

    def _plan(self) -> Plan:
        before = self._stopwatch() if self._stopwatch else 0
        plan = self.scheduler.plan()
        took = self._stopwatch() - before if self._stopwatch else 0
        if self.recorder:
            self.recorder.plan(self.scheduler, plan)
        self.planning_ns += took
        if took > self._planning_limit and plan.planner == "policy":
            self.apply(Fallback(self.scheduler.now, steps=1000))
        return plan
