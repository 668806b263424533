from __future__ import annotations

from typing import Any

import pytest

from doubletime.core.events import Request
from doubletime.core.plan import Plan
from doubletime.core.policy import FlightView, Work
from doubletime.core.sequence import Sequence
from doubletime.core.vocabulary import SLO, Fate, Open, State
from doubletime.policies.flow import Flow
from tests.core.rig import MS, Rig


def duration(plan: Plan) -> int:
    """1 ms a step, 0.1 ms a prefill token, weighted by depth."""
    return MS + sum(MS // 10 * slab.tokens * (slab.bottom - slab.top) // plan.depth for slab in plan.work)


def run(rig: Rig, steps: int = 1) -> list[Plan]:
    plans = []
    for _ in range(steps):
        plans.append(rig.plan())
        rig.done(took=duration(plans[-1]))
    return plans


def learned(policy: Flow | None = None, **limits: Any) -> Rig:
    """A rig whose predictor knows the machine; nothing lives any more."""
    rig = Rig(policy or Flow(), **{"rows": 256, "open_rows": 512, "blocks": 200, "seats": 8} | limits)
    for size in (3, 40, 17, 100, 64, 30, 80, 12, 50, 90):
        rig.arrive(size, 2)
        while rig.living:
            run(rig)
    return rig


def arrive(rig: Rig, prompt: int, ttft_ms: float | None, limit: int = 2) -> int:
    return rig.arrive(prompt, limit, slo=SLO(ttft=None if ttft_ms is None else int(ttft_ms * MS)))


def sequence(seq_id: int, prompt: int, deadline: int) -> Sequence:
    return Sequence(seq_id, Request(seq_id, prompt, 4, slo=SLO(ttft=deadline)), 0, 1)


# ---- the order


def test_the_earliest_deadline_goes_first() -> None:
    rig = learned()
    late, early = arrive(rig, 50, 100), arrive(rig, 50, 50)
    assert run(rig)[0].work[0].seq == early
    assert {seq.id for seq in rig.core.roster.sequences.values()} >= {late}


def test_who_cannot_make_it_any_more_goes_last() -> None:
    """S-EDF: a negative slack does not win, however early its deadline."""
    rig = learned()
    hopeless, fine = arrive(rig, 200, 3), arrive(rig, 200, 40)
    assert run(rig)[0].work[0].seq == fine
    assert run(rig)[0].work[0].seq == hopeless


def test_requests_without_a_target_get_the_default_deadline() -> None:
    policy = Flow(ttft=0.5)
    assert policy.deadline(sequence(0, 4, 7)) == 7
    bare = Sequence(1, Request(1, 4, 4), 30, 1)
    assert policy.deadline(bare) == 30 + 500_000_000
    zero = Sequence(1, Request(1, 4, 4, slo=SLO(ttft=0)), 30, 1)
    assert policy.deadline(zero) == 30, "a target of 0 is a target"


# ---- batching


def test_a_batch_grows_while_every_member_stays_in_time() -> None:
    rig = learned()
    first, second, third = arrive(rig, 50, 12), arrive(rig, 40, 30), arrive(rig, 100, 90)
    assert [slab.seq for slab in run(rig)[0].work] == [first, second], "with the third the first would be late"
    assert third in rig.living


def test_a_batch_grows_no_further_than_what_saturates_the_machine() -> None:
    rig = learned(Flow(batch=100))
    first, second, third = (arrive(rig, size, 1000) for size in (60, 40, 1))
    assert [slab.seq for slab in run(rig)[0].work] == [first, second]
    assert third in rig.living


def test_before_the_predictor_knows_prompts_go_alone() -> None:
    rig = Rig(Flow())
    rig.arrive(4)
    rig.arrive(4)
    assert [slab.seq for slab in rig.step().work] == [0]


def test_decodes_share_every_step() -> None:
    rig = learned()
    decoder = arrive(rig, 5, 50, limit=9)
    run(rig)
    arrive(rig, 50, 50)
    plan = run(rig)[0]
    assert plan.decode_seqs == (decoder,)
    assert len(plan.work) == 1


# ---- the interrupt gate: a step of 100 tokens runs since 0 and takes 11 ms


@pytest.fixture
def gate():  # type: ignore[no-untyped-def]
    policy = learned().core.stack.parts[0]
    assert isinstance(policy, Flow)

    def asks(runner_ms: float, newcomer_ms: float, now_ms: float, prompt: int = 10, runner_id: int = 900) -> bool:
        runner = sequence(runner_id, 100, int(runner_ms * MS))
        work = Work(prefill_tokens=100.0, prefill_context=5000.0)
        newcomer = sequence(901, prompt, int(newcomer_ms * MS))
        return policy.interrupt(newcomer, FlightView((runner,), 0, work), int(now_ms * MS))

    asks.policy = policy  # type: ignore[attr-defined]
    return asks


def test_a_more_urgent_newcomer_stops_the_step(gate: Any) -> None:
    assert gate(runner_ms=100, newcomer_ms=10, now_ms=2)


def test_a_less_urgent_one_does_not(gate: Any) -> None:
    assert not gate(runner_ms=30, newcomer_ms=100, now_ms=2)


def test_it_must_be_more_urgent_by_the_margin(gate: Any) -> None:
    assert not gate(runner_ms=22, newcomer_ms=20, now_ms=2)
    assert gate(runner_ms=26, newcomer_ms=20, now_ms=2)


def test_one_that_would_be_late_anyway_does_not(gate: Any) -> None:
    assert not gate(runner_ms=100, newcomer_ms=4, now_ms=2, prompt=50)


def test_a_runner_that_is_late_anyway_is_no_obstacle(gate: Any) -> None:
    assert gate(runner_ms=5, newcomer_ms=40, now_ms=2)


def test_the_late_guard_lets_a_step_finish_that_is_nearly_done(gate: Any) -> None:
    assert gate(runner_ms=100, newcomer_ms=20, now_ms=9)
    assert not gate(runner_ms=100, newcomer_ms=20, now_ms=10.5)


def test_who_was_stopped_once_is_immune(gate: Any) -> None:
    gate.policy._immune.add(900)
    assert not gate(runner_ms=100, newcomer_ms=10, now_ms=2)
    assert gate(runner_ms=100, newcomer_ms=10, now_ms=2, runner_id=899)


def test_steps_of_decodes_are_not_stopped(gate: Any) -> None:
    runner = sequence(900, 100, 100 * MS)
    runner.first = 1
    flight = FlightView((runner,), 0, Work(decodes=1))
    assert not gate.policy.interrupt(sequence(901, 10, 10 * MS), flight, 0)


def test_without_a_prediction_nothing_is_stopped() -> None:
    flight = FlightView((sequence(0, 100, 100 * MS),), 0, Work(100.0, 5000.0))
    assert not Flow().interrupt(sequence(1, 10, 10 * MS), flight, 0)


# ---- a stop, whole


def test_a_stopped_prefill_is_held_served_after_the_newcomer_and_immune() -> None:
    rig = learned()
    slow = arrive(rig, 200, 500)
    rig.plan()
    step = rig.flying[0].step
    rig.time += 2 * MS
    quick = arrive(rig, 20, 15)
    assert rig.core.take_stops() == [step]
    rig.done(took=0, reached=2)
    plan = rig.plan()
    assert plan.preempted == ((slow, Fate.HOLD),)
    assert [slab.seq for slab in plan.work] == [quick]
    assert rig.seq(slow).state is State.HELD
    assert rig.seq(slow).open == Open(0, 200, 2)
    rig.done(took=duration(plan))
    plan = rig.plan()
    assert [(slab.seq, slab.top) for slab in plan.work] == [(slow, 2)], "it goes on where it was"
    arrive(rig, 20, 15)
    assert rig.core.take_stops() == [], "once is enough"


def test_what_is_known_of_a_sequence_is_forgotten_when_it_leaves() -> None:
    policy = Flow()
    policy._sunk.add(3)
    policy._immune.add(3)
    assert policy.left(sequence(3, 4, 4), 0) == 0
    assert not policy._sunk
    assert not policy._immune


# ---- who gives way


def test_the_victim_is_the_last_in_the_order_of_service() -> None:
    policy = Flow()
    a, b, c = (sequence(i, 4, deadline) for i, deadline in ((0, 30), (1, 90), (2, 60)))
    step = type("Now", (), {"now": 0})()
    assert policy.victim(step, a, [b, c]) is b
    assert policy.victim(step, c, [a, b]) is b
    assert policy.victim(step, b, [a, c]) is None
    assert policy.victim(step, a, []) is None


def test_it_promises_no_bound() -> None:
    assert not Flow.bounded
