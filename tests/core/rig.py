"""A scheduler under a test's hand: events in, plans out, results when the test says so."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from doubletime.core.events import Append, Arrive, Cancel, Ready, Request, Result, Row, Truncate
from doubletime.core.plan import Plan
from doubletime.core.policy import Policy, StepView
from doubletime.core.scheduler import Scheduler
from doubletime.core.sequence import Sequence
from doubletime.core.vocabulary import DepthMap, GroupKind, KVGroup, Limits

MS = 1_000_000
FULL = KVGroup((0,), GroupKind.FULL, 4, 64)
WINDOW = KVGroup((1,), GroupKind.WINDOW, 4, 64, window=6)


def make_limits(
    blocks: int | tuple[int, ...] = 16,
    groups: tuple[KVGroup, ...] = (FULL,),
    seats: int = 4,
    rows: int = 32,
    open_rows: int = 64,
    max_length: int = 1 << 30,
) -> Limits:
    counts = blocks if isinstance(blocks, tuple) else (blocks,) * len(groups)
    return Limits(groups, counts, DepthMap(4, 2), seats, rows, open_rows, max_length)


class Scripted(Policy):
    """Composes what the test says, as often as it is asked."""

    name = "scripted"

    def __init__(self, script: Callable[[StepView], object]) -> None:
        self.script = script

    def compose(self, step: StepView) -> None:
        self.script(step)


class Rig:
    """Time passes only in `done`. Every Arrive gets the next id; `prefix` stands for the content of its prompt."""

    def __init__(self, *parts: Policy, **limits: Any) -> None:
        self.core = Scheduler(make_limits(**limits), parts)
        self.flying: deque[Plan] = deque()
        self.time = 0
        self._next = 0

    def arrive(self, prompt: int, limit: int = 4, *, prefix: int | None = None, n: int = 1, **fields: Any) -> int:
        request_id, self._next = self._next, self._next + n
        keys = tuple(range(prefix, prefix + prompt // 4)) if prefix is not None else ()
        request = Request(request_id, prompt, limit, n, keys, 4, **fields)
        self.core.apply(Arrive(self.time, request))
        return request_id

    def cancel(self, request: int) -> None:
        self.core.apply(Cancel(self.time, request))

    def ready(self, seq: int) -> None:
        self.core.apply(Ready(self.time, seq))

    def append(self, seq: int, tokens: int, *, final: bool = False, keys: tuple[int, ...] = ()) -> None:
        self.core.apply(Append(self.time, seq, tokens, keys, final))

    def truncate(self, seq: int, length: int) -> None:
        self.core.apply(Truncate(self.time, seq, length))

    def plan(self) -> Plan:
        plan = self.core.plan()
        if not plan.idle:
            self.flying.append(plan)
        return plan

    def done(self, *rows: Row, took: int = MS, **how: Any) -> None:
        """The oldest step in flight ends."""
        plan = self.flying.popleft()
        self.time += took
        self.core.apply(Result(self.time, plan.step, took, rows=rows, **how))

    def step(self, *rows: Row, **how: Any) -> Plan:
        plan = self.plan()
        assert not plan.idle, "nothing was planned"
        self.done(*rows, **how)
        return plan

    def steps(self, count: int) -> list[Plan]:
        return [self.step() for _ in range(count)]

    def seq(self, seq_id: int) -> Sequence:
        return self.core.roster.sequences[seq_id]

    @property
    def living(self) -> list[int]:
        return list(self.core.roster.sequences)

    @property
    def held_blocks(self) -> int:
        return sum(pool.held for pool in self.core.memory.pools)
