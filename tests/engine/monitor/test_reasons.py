"""Every waiting sequence has the reason that the situation says, for as long as it lasts."""

from __future__ import annotations

from typing import Any

import pytest

from doubletime.core.events import Append, Arrive, Ready, Request
from doubletime.core.policy import Policy, SequenceView, StepView
from doubletime.core.vocabulary import Fate
from doubletime.engine.monitor.messages import WaitsFor
from doubletime.engine.monitor.reasons import REASONS
from doubletime.engine.monitor.waits import GAVE_WAY, JUST_CAME, NOTHING_TO_COMPUTE
from doubletime.policies.fcfs import Fcfs
from tests.engine.monitor.rig import MS, Watched, waited


def arrive(at: float, number: int, prompt: int = 8, limit: int = 10, **fields: Any) -> Arrive:
    """At so many milliseconds; request `number` has the sequence of that number."""
    return Arrive(int(at * MS), Request(number, prompt, limit, **fields))


class Moody(Policy):
    """FCFS, but it leaves out who has a tenant named in `shuns`, and says why."""

    name = "moody"

    def __init__(self, note: str = "") -> None:
        self.shuns = {"b"}
        self.note = note

    def compose(self, step: StepView) -> None:
        step.decode_all()
        for seq in [*step.prefills(), *step.waiting()]:
            if seq.tenant not in self.shuns:
                step.run(seq)
            elif self.note:
                step.note(seq, self.note)


class Patient(Policy):
    """Decodes, and in every third step a few tokens of a prompt."""

    name = "patient"

    def compose(self, step: StepView) -> None:
        step.decode_all()
        if step.index % 3 == 0:
            for seq in [*step.prefills(), *step.waiting()]:
                step.run(seq, 4)


class Strict(Fcfs):
    """FCFS that admits nobody of tenant b."""

    def admit(self, step: StepView, seq: SequenceView) -> bool:
        return seq.tenant != "b"


def test_who_comes_while_steps_are_in_flight_waits_for_the_next_plan() -> None:
    engine = Watched([arrive(0, 0), arrive(1.25, 1)])
    engine.until(1.25)
    assert engine.request(1).waits_for == WaitsFor("busy", JUST_CAME)
    engine.until(2)
    assert engine.request(1).waits_for is None
    assert waited(engine.request(1)) == {"busy": 0.75}


@pytest.mark.parametrize("in_flight", [1, 2])
def test_seats_are_full(in_flight: int) -> None:
    engine = Watched([arrive(0, i) for i in range(5)], seats=2, in_flight=in_flight)
    snapshot = engine.until(4)
    assert [engine.request(i).waits_for for i in range(5)] == [None, None, *[WaitsFor("seats", "")] * 3]
    assert dict(zip(REASONS, snapshot.waiting_for, strict=True))["seats"] == snapshot.waiting == 3
    assert snapshot.running == 2
    engine.until(1000)
    assert [waited(engine.request(i)) for i in range(2)] == [{}, {}]
    assert [set(waited(engine.request(i))) for i in (2, 3, 4)] == [{"seats"}] * 3


def test_blocks_are_short_and_those_behind_wait_in_line() -> None:
    engine = Watched([arrive(0, 0, 32, 40), arrive(1, 1, 56, 5), arrive(2, 2, 4, 5)], blocks=18, rows=64)
    engine.until(10)
    assert engine.request(1).waits_for == WaitsFor("blocks", "it needs 14 blocks, and 7 are free or cached")
    assert engine.request(2).waits_for == WaitsFor("blocks", "in line behind request-1")
    engine.until(1000)
    assert set(waited(engine.request(1))) == set(waited(engine.request(2))) == {"blocks"}


def test_rows_of_the_step_are_used_up() -> None:
    engine = Watched([arrive(0, 0, 32), arrive(0, 1, 64), arrive(0, 2)], rows=32, in_flight=1)
    engine.until(0)
    engine.engine.turn()
    assert [engine.request(i).waits_for for i in range(3)] == [None, WaitsFor("rows", ""), WaitsFor("rows", "")]
    engine.until(1000)
    assert waited(engine.request(1)) == {"rows": 1.0}
    assert waited(engine.request(2)) == {"rows": 3.0}


def test_a_budget_below_the_rows_is_the_policy_s_doing() -> None:
    engine = Watched([arrive(0, 0, 24), arrive(0, 1)], Fcfs(budget=8), rows=32, in_flight=1)
    engine.until(1000)
    assert waited(engine.request(1)) == {"policy": 3.0}


def test_a_prefill_that_has_begun_waits_too_when_it_is_passed_over() -> None:
    engine = Watched([arrive(0, 0, 8, 30), arrive(0, 1, 8, 30), arrive(5, 2, 20, 2)], Patient(), in_flight=1)
    engine.until(8)
    row = engine.request(2)
    assert (row.state, row.prefilled, row.waits_for) == ("running", 4, WaitsFor("policy", ""))
    engine.until(1000)
    assert set(waited(engine.request(2))) == {"policy"}


def test_the_policy_holds_back_and_its_note_is_told() -> None:
    engine = Watched([arrive(0, 0, limit=20), arrive(1, 1, tenant="b")], Moody("tenant b is over its share"))
    engine.until(5)
    row = engine.request(1)
    assert row.waits_for == WaitsFor("policy", "tenant b is over its share")
    assert set(waited(row)) <= {"policy", "busy"}
    engine.until(1000)
    assert engine.request(1).state == "finished"  # the default planned it when nothing else was left


def test_the_policy_holds_back_without_a_word() -> None:
    engine = Watched([arrive(0, 0, limit=20), arrive(1, 1, tenant="b")], Moody())
    engine.until(5)
    assert engine.request(1).waits_for == WaitsFor("policy", "")


def test_the_policy_does_not_admit() -> None:
    engine = Watched([arrive(0, 0, limit=20), arrive(1, 1, tenant="b"), arrive(1, 2)], Strict())
    engine.until(5)
    assert engine.request(1).waits_for == WaitsFor("admit", "")
    assert engine.request(2).waits_for == WaitsFor("admit", "in line behind request-1")


def test_a_prompt_that_still_arrives_is_busy() -> None:
    engine = Watched([arrive(0, 0, final=False), Append(5 * MS, 0, 8, final=True), arrive(0, 1, ready=False)])
    engine.until(1)
    assert engine.request(0).waits_for == WaitsFor("busy", NOTHING_TO_COMPUTE)
    assert engine.request(1).waits_for == WaitsFor("busy", NOTHING_TO_COMPUTE)
    engine.source.post(Ready(7 * MS, 1))
    engine.until(1000)
    assert waited(engine.request(1)) == {"busy": 7.0}
    assert waited(engine.request(0)) == {"busy": 4.0}  # the first millisecond computed what was there


def test_a_victim_waits_for_the_blocks_that_it_lost() -> None:
    engine = Watched([arrive(0, 0, 24, 40), arrive(0, 1, 24, 40)], blocks=20, rows=64)
    snapshot = engine.until(30)
    row = engine.request(1)
    assert row.state == "waiting"
    assert row.preemptions == snapshot.tallies.preemptions == 1
    assert row.waits_for is not None
    assert row.waits_for.reason == "blocks"
    engine.until(1000)
    assert set(waited(engine.request(1))) == {"blocks"}
    assert waited(engine.request(0)) == {}


def test_a_victim_of_the_policy_waits_for_the_policy() -> None:
    class Cruel(Moody):
        def compose(self, step: StepView) -> None:
            if step.index == 4:
                step.preempt(next(iter(step.running())), Fate.RECOMPUTE)
                self.shuns.add("a")
            super().compose(step)

    engine = Watched([arrive(0, 0, tenant="a"), arrive(0, 1)], Cruel(), in_flight=1)
    while engine.scheduler.step < 5:
        engine.engine.turn()
    assert engine.request(0).waits_for == WaitsFor("policy", GAVE_WAY)


def test_steps_that_a_promise_skipped_count_like_the_others() -> None:
    """The same load with and without the promise of bulk decodes waits as long for the same reasons."""

    class Unsteady(Fcfs):
        def steady(self, step: StepView) -> int:
            return 0

    load = [arrive(0, i, limit=50) for i in range(4)] + [arrive(10, 4, 30), arrive(11, 5)]
    engines = [Watched(load, policy, seats=3) for policy in (Fcfs(), Unsteady())]
    for engine in engines:
        engine.until(1000)
    steady, asked = ([waited(engine.request(i)) for i in range(6)] for engine in engines)
    assert steady == asked
    assert [set(times) for times in steady[3:]] == [{"seats"}] * 3


def test_choices_of_one_prompt_are_served_together() -> None:
    engine = Watched([arrive(0, 0, 40, 8, n=3)], rows=16, in_flight=1)
    engine.until(0)
    engine.engine.turn()
    snapshot = engine.look()
    assert (snapshot.running, snapshot.waiting, snapshot.forking) == (1, 0, 2)
    engine.until(5)
    assert engine.look().forking == 0
    engine.until(1000)
    row = engine.request(0)
    assert (row.choices, row.output, row.waits_for) == (3, 24, None)
    assert waited(row) == {}


def test_choices_without_a_seat_wait_when_the_prompt_is_there() -> None:
    engine = Watched([arrive(0, 0, 8, 8, n=3)], seats=2)
    engine.until(4)
    assert engine.look().waiting == 1
    assert engine.request(0).waits_for is None  # two of its choices run
    engine.until(1000)
    assert set(waited(engine.request(0))) == {"seats"}


def test_the_times_of_all_add_up_to_the_clock_s() -> None:
    engine = Watched([arrive(i / 3, i, 20, 12) for i in range(30)], blocks=40, seats=3)
    for until in range(1, 300, 7):
        snapshot = engine.until(until)
        assert snapshot.requests
        assert tuple(map(sum, zip(*(row.waited for row in snapshot.requests), strict=True))) == snapshot.spent
    assert not engine.look().waiting
