"""The executor of a rehearsal: takes the same plans as the torch executor and answers with how long they would take."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

from doubletime.core.events import Result
from doubletime.core.plan import Plan
from doubletime.core.rng import Purpose, uniform
from doubletime.core.virtual import VirtualSource
from doubletime.core.vocabulary import Nanoseconds

_DRAWS = 4096  # a power of two


class Cost(Protocol):
    """What the executor asks of a cost model, in nanoseconds. With `stages` > 1 times are those of one stage."""

    @property
    def stages(self) -> int: ...

    def decodes(self, count: int, context: int) -> Nanoseconds:
        """A step of `count` decodes whose positions sum to `context`, and nothing else."""
        ...

    def plan(self, plan: Plan) -> Nanoseconds: ...

    def depths(self, plan: Plan) -> tuple[Nanoseconds, ...]:
        """Since the start of the step, when preemption points 1, 2 … are reached."""
        ...


class Scaled:
    """Another cost with every time stretched: the fast and the slow end of a prediction's error bar."""

    def __init__(self, cost: Cost, factor: float) -> None:
        self._cost = cost
        self._factor = factor

    @property
    def stages(self) -> int:
        return self._cost.stages

    def decodes(self, count: int, context: int) -> Nanoseconds:
        return round(self._cost.decodes(count, context) * self._factor)

    def plan(self, plan: Plan) -> Nanoseconds:
        return round(self._cost.plan(plan) * self._factor)

    def depths(self, plan: Plan) -> tuple[Nanoseconds, ...]:
        return tuple(round(time * self._factor) for time in self._cost.depths(plan))


class Jitter:
    """How much a step's time scatters: a log-normal factor with mean 1, by counter. `spread` is its standard deviation.

    Policies that learn step times from results are then as wrong in rehearsal as the spread makes them in reality.
    """

    def __init__(self, spread: float = 0.0, seed: int = 0) -> None:
        normal = NormalDist(-(spread**2) / 2, spread) if spread else None
        self._factors = [
            math.exp(normal.inv_cdf(uniform(seed, 0, i, Purpose.LENGTH) + 2.0**-54)) if normal else 1.0
            for i in range(_DRAWS if normal else 1)
        ]
        self._mask = len(self._factors) - 1

    def of(self, step: int) -> float:
        return self._factors[step & self._mask]


@dataclass(slots=True)
class _Running:
    plan: Plan
    began: Nanoseconds
    ends: Nanoseconds
    reached: int | None = None


class VirtualExecutor:
    """Runs plans one after another, or through the stages of a pipeline. A pipeline does not stop in mid-step."""

    def __init__(self, source: VirtualSource, cost: Cost, jitter: Jitter | None = None) -> None:
        self._source = source
        self._cost = cost
        self._jitter = jitter or Jitter()
        self._queue: deque[_Running] = deque()
        self._free: list[Nanoseconds] = [0] * cost.stages  # when each stage is
        self._stopped = 0  # steps
        source.executor = self

    @property
    def ends_at(self) -> Nanoseconds | None:
        return self._queue[0].ends if self._queue else None

    def dispatch(self, plan: Plan) -> None:
        assert not plan.idle, "an idle plan was dispatched"
        now = self._source.now
        if self._revoked(plan):
            ends = max(now, self._free[-1])
            self._queue.append(_Running(plan, ends, ends))
            return
        self._queue.append(_Running(plan, *self._through(now, self._duration(plan))))

    def stop(self, step: int) -> None:
        """The running step ends at the preemption point that it is about to reach; those behind it are revoked."""
        running = self._queue[0] if self._queue else None
        if running is None or running.plan.step != step or running.reached is not None or len(self._free) > 1:
            return
        if self._revoked(running.plan):
            return
        depths = self._depths(running.plan)
        reached = bisect_left(depths, self._source.now - running.began) + 1
        if reached >= running.plan.depth:
            return
        running.reached = reached
        running.ends = self._free[0] = running.began + depths[reached - 1]
        for behind in list(self._queue)[1:]:
            behind.began = behind.ends = running.ends

    def land(self, now: Nanoseconds) -> Result:
        ended = self._queue.popleft()
        revoked = self._revoked(ended.plan)
        self._stopped += ended.reached is not None
        return Result(now, ended.plan.step, ended.ends - ended.began, ended.reached, revoked)

    # ---- fast-forward

    def extend(self, ends: list[Nanoseconds], most: int, until: Nanoseconds | None) -> None:
        """Appends the times at which the step in flight and equal steps after it end, up to `most` of them.

        Stops behind the first that is not before `until`.
        """
        first = self._queue[0].plan
        count, context = len(first.decode_seqs), sum(first.decode_starts)
        if not ends:
            ends.append(self._queue[0].ends)
        now, decodes, jitter = ends[-1], self._cost.decodes, self._jitter.of
        for ahead in range(len(ends), most):
            if until is not None and now >= until:
                return
            now += round(decodes(count, context + count * ahead) * jitter(first.step + ahead))
            ends.append(now)

    def leap(self, plans: Iterable[Plan], ends: list[Nanoseconds], taken: int) -> None:
        """`taken` of the steps in `ends` are over; `plans` are those in flight now, the first of which has begun."""
        self._queue.clear()
        began = ends[taken - 1]
        for plan in plans:
            duration = self._duration(plan)
            self._queue.append(_Running(plan, began, began + duration))
            began += duration
        self._free[0] = began

    def _through(self, now: Nanoseconds, duration: Nanoseconds) -> tuple[Nanoseconds, Nanoseconds]:
        """When a step begins and ends that spends `duration` in each stage and waits for the step ahead of it."""
        began = at = max(now, self._free[0])
        for stage, free in enumerate(self._free):
            at = self._free[stage] = max(at, free) + duration
        return began, at

    def _duration(self, plan: Plan) -> Nanoseconds:
        return round(self._cost.plan(plan) * self._jitter.of(plan.step))

    def _depths(self, plan: Plan) -> tuple[Nanoseconds, ...]:
        factor = self._jitter.of(plan.step)
        return tuple(round(time * factor) for time in self._cost.depths(plan))

    def _revoked(self, plan: Plan) -> bool:
        return plan.generation < self._stopped
