"""Leaping is exact: it leaves a scheduler as the same rounds of results and plans leave it, one by one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubletime.core.default import Default
from doubletime.core.events import Arrive, Cancel, Event, Request, Result, Row
from doubletime.core.plan import Plan
from doubletime.core.policy import Policy, Served, StepView
from doubletime.core.scheduler import Scheduler
from doubletime.core.vocabulary import Finish
from tests.core.rig import FULL, WINDOW, make_limits

TICK = 1_000


class Promising(Default):
    """The default, which promises and listens."""

    name = "promising"

    def __init__(self) -> None:
        self.reports: list[tuple[Any, ...]] = []

    def steady(self, step: StepView) -> int:
        return 50

    def served(self, report: Served) -> None:
        sampled = tuple(seq.id for seq in report.sampled)
        self.reports.append((report.now, report.steps, report.duration, report.work, sampled, report.stopped))


class Driver:
    """One scheduler with `in_flight` steps ahead; a step takes one tick more than the one before."""

    def __init__(self, in_flight: int = 1, policy: Policy | None = None, **limits: Any) -> None:
        self.policy = policy or Promising()
        self.core = Scheduler(make_limits(**limits), (self.policy,))
        self.in_flight = in_flight
        self.flying: deque[Plan] = deque()
        self.now = 0

    def send(self, event: Event) -> None:
        self.core.apply(event)
        self.fill()

    def fill(self) -> None:
        while self.core.in_flight < self.in_flight:
            plan = self.core.plan()
            if plan.idle:
                return
            self.flying.append(plan)

    def end(self, *rows: Row) -> None:
        """The oldest step ends, and the next is planned."""
        plan, before = self.flying.popleft(), self.now
        self.now += TICK
        self.send(Result(self.now, plan.step, self.now - before, rows=rows))

    def leap(self, rounds: int) -> None:
        self.core.leap([self.now + TICK * (i + 1) for i in range(rounds)])
        self.now += TICK * rounds
        self.flying = deque(flight.plan for flight in self.core.roster.flights)

    @property
    def horizon(self) -> int:
        return self.core.horizon() if self.core.in_flight == self.in_flight else 0


def state(core: Scheduler) -> dict[str, Any]:
    """All that later decisions and metrics could depend on (not when a plan tells of blocks that went free)."""
    names = "state prompt output pending done computed room published in_flight last last_step first tables tend_at"
    return {
        "now": core.now,
        "step": core.step,
        "steady": core._steady,
        "sequences": [[getattr(seq, name) for name in names.split()] for seq in core.roster.sequences.values()],
        "queues": [list(place) for place in (core.roster.running, core.roster.decoding, core.roster.prefilling)],
        "flights": [
            (f.step, f.started, f.work, f.plan.now, f.plan.decode_seqs, f.plan.decode_starts)
            for f in core.roster.flights
        ],
        "pools": [
            (pool.refs, pool.key_of, pool.index, pool._free, pool.idle, pool.removals) for pool in core.memory.pools
        ],
        "published": core.memory.published,
    }


@dataclass(frozen=True)
class Ask:
    prompt: int
    output: int
    prefix: int
    wait: int  # rounds before the next one

    def request(self, number: int) -> Request:
        count = (self.prompt + self.output) // 4
        keys = tuple(range(self.prefix * 1000, self.prefix * 1000 + count)) if self.prefix else ()
        return Request(number, self.prompt, self.output, keys=keys, key_tokens=4)


asks = st.builds(
    Ask,
    prompt=st.integers(1, 20),
    output=st.integers(1, 40),
    prefix=st.integers(0, 3),
    wait=st.integers(0, 25),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(asks, min_size=1, max_size=8),
    st.sampled_from([1, 2, 3]),
    st.sampled_from([(FULL,), (FULL, WINDOW)]),
    st.integers(18, 60),
    st.data(),
)
def test_a_leap_leaves_what_single_rounds_leave(
    todo: list[Ask], in_flight: int, groups: Any, blocks: int, data: st.DataObject
) -> None:
    leaping, stepping = (Driver(in_flight, groups=groups, blocks=blocks, seats=5) for _ in range(2))
    for number, ask in enumerate(todo):
        for driver in (leaping, stepping):
            driver.send(Arrive(driver.now, ask.request(number)))
        left = ask.wait if number < len(todo) - 1 else 10_000
        while left and leaping.flying:
            most = min(leaping.horizon, left)
            rounds = data.draw(st.integers(1, most)) if most else 0
            if rounds:
                leaping.leap(rounds)
            else:
                leaping.end()
            for _ in range(max(1, rounds)):
                stepping.end()
            left -= max(1, rounds)
            assert state(leaping.core) == state(stepping.core)
    assert leaping.policy.reports == stepping.policy.reports  # type: ignore[attr-defined]
    assert not leaping.core.roster.sequences


def started(output: int = 30, **how: Any) -> Driver:
    """One sequence that decodes, with a step in flight and a promise."""
    driver = Driver(**how)
    driver.send(Arrive(0, Request(0, 4, output)))
    driver.end()
    return driver


def test_the_horizon_ends_when_the_last_token_is_planned() -> None:
    driver = started(output=10)
    assert driver.horizon == 8, "token 1 is sampled, 2 in flight, and the result of the 10th ends the sequence"
    driver.leap(8)
    assert driver.horizon == 0
    driver.end()
    assert not driver.core.roster.sequences


def test_the_horizon_ends_with_the_promise() -> None:
    assert started(output=500, blocks=200).horizon == 50


def test_nobody_leaps_without_a_promise() -> None:
    assert started(policy=Default()).horizon == 0


def test_a_serial_sequence_is_planned_step_by_step() -> None:
    driver = Driver()
    driver.send(Arrive(0, Request(0, 4, 30, serial=True)))
    driver.end()
    assert driver.horizon == 0


def test_the_horizon_ends_where_memory_runs_short() -> None:
    driver = Driver(blocks=10, groups=(FULL,))
    for number in range(2):
        driver.send(Arrive(0, Request(number, 4, 30)))
    while not driver.horizon:
        driver.end()
    before = driver.core.memory.pools[0].available
    assert 0 < driver.horizon < 28
    driver.leap(driver.horizon)
    assert 0 <= driver.core.memory.pools[0].available < before


def test_an_arrival_ends_the_horizon() -> None:
    driver = started()
    assert driver.horizon
    driver.send(Arrive(driver.now, Request(1, 4, 4)))
    assert driver.horizon == 0


def test_a_block_that_somebody_waits_for_ends_the_horizon() -> None:
    """Who waits may find a longer prefix when a block is published, so that round is planned as usual."""
    driver = Driver(seats=1)
    keys = tuple(range(20))
    driver.send(Arrive(0, Request(0, 6, 40, keys=keys, key_tokens=4)))
    driver.send(Arrive(0, Request(1, 6, 40, keys=keys, key_tokens=4)))
    while not driver.horizon:
        driver.end()
    seq = driver.core.roster.sequences[0]
    assert driver.horizon == seq.tend_at - seq.done - 1


def test_a_cancel_after_a_leap_frees_everything() -> None:
    driver = started(in_flight=2)
    driver.end()
    driver.leap(driver.horizon)
    driver.send(Cancel(driver.now, 0))
    while driver.flying:
        driver.end()
    assert driver.core.memory.pools[0].free == driver.core.memory.pools[0].count


def test_a_stop_after_a_leap_ends_the_sequence() -> None:
    driver = started()
    driver.leap(3)
    driver.end(Row(0, finish=Finish.STOP))
    (seq,) = driver.core.take_ended()
    assert (seq.finish, seq.output) == (Finish.STOP, 5)


@pytest.mark.parametrize("in_flight", [1, 2])
def test_ended_sequences_are_told_once(in_flight: int) -> None:
    driver = started(output=2, in_flight=in_flight)
    while driver.flying:
        driver.end()
    assert [seq.id for seq in driver.core.take_ended()] == [0]
    assert driver.core.take_ended() == []
