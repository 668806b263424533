"""An executor in virtual time for tests: durations and rows as the script says."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from doubletime.core.events import Result, Row
from doubletime.core.plan import Plan
from doubletime.core.virtual import VirtualSource
from doubletime.core.vocabulary import Limits, Nanoseconds
from doubletime.executors.checked import Device

MILLISECOND: Nanoseconds = 1_000_000

Duration = Callable[[Plan], Nanoseconds]
Rows = Callable[[Plan], tuple[Row, ...]]


def one_millisecond(plan: Plan) -> Nanoseconds:
    return MILLISECOND


def as_planned(plan: Plan) -> tuple[Row, ...]:
    return ()


class ScriptedExecutor:
    """Runs plans one after another. `rows(plan)` names what differs from the plan of a step that runs to its end.

    With a `device`, every read and write of KV is checked as the plan is carried out.
    """

    def __init__(
        self,
        limits: Limits,
        source: VirtualSource,
        duration: Duration = one_millisecond,
        rows: Rows = as_planned,
        device: Device | None = None,
    ) -> None:
        self.plans: list[Plan] = []
        self.ends_at: Nanoseconds | None = None
        self._depth = limits.depth.total
        self._source = source
        self._duration = duration
        self._rows = rows
        self._device = device
        self._queue: deque[Plan] = deque()
        self._started: Nanoseconds = 0
        self._reached: int | None = None
        self._stopped = 0  # steps
        source.executor = self

    def dispatch(self, plan: Plan) -> None:
        assert not plan.idle, "an idle plan was dispatched"
        self.plans.append(plan)
        if self._device:
            self._device.dispatched(plan)
        self._queue.append(plan)
        if len(self._queue) == 1:
            self._start(self._source.now)

    def stop(self, step: int) -> None:
        """The running step ends at the preemption point that it is about to reach."""
        plan = self._queue[0] if self._queue else None
        if plan is None or plan.step != step or self._reached is not None or self._revoked(plan):
            return
        assert self.ends_at is not None
        took = self.ends_at - self._started
        reached = -(-self._depth * (self._source.now - self._started) // took) if took else self._depth
        if 0 < reached < self._depth:
            self._reached = reached
            self.ends_at = self._started + took * reached // self._depth

    def land(self, now: Nanoseconds) -> Result:
        plan = self._queue.popleft()
        revoked, reached, began = self._revoked(plan), self._reached, self._started
        if self._device:
            self._device.end(plan, 0 if revoked else self._depth if reached is None else reached)
        self._stopped += reached is not None
        if self._queue:
            self._start(now)
        else:
            self.ends_at = None
        rows = () if revoked or reached is not None else self._rows(plan)
        return Result(now, plan.step, now - began, reached, revoked, rows=rows)

    def _revoked(self, plan: Plan) -> bool:
        return plan.generation < self._stopped

    def _start(self, now: Nanoseconds) -> None:
        plan = self._queue[0]
        self._reached = None
        self._started = now
        self.ends_at = now if self._revoked(plan) else now + self._duration(plan)
        if self._device:
            self._device.bookkeeping(plan)
            if not self._revoked(plan):
                self._device.begin(plan)
