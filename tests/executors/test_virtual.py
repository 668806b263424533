"""The virtual executor keeps the executor's contract, in time that a cost model tells."""

from __future__ import annotations

import statistics

import pytest

from doubletime.core.plan import Plan
from doubletime.core.virtual import VirtualSource
from doubletime.core.vocabulary import Nanoseconds, Slab
from doubletime.executors.virtual import Jitter, Scaled, VirtualExecutor

DEPTH = 10


class Cost:
    """100 a decode, 1 for each token of context; 10 a prefill token; depth is reached evenly."""

    def __init__(self, stages: int = 1) -> None:
        self.stages = stages

    def decodes(self, count: int, context: int) -> Nanoseconds:
        return 100 * count + context

    def plan(self, plan: Plan) -> Nanoseconds:
        return self.decodes(len(plan.decode_seqs), sum(plan.decode_starts)) + 10 * sum(s.tokens for s in plan.work)

    def depths(self, plan: Plan) -> tuple[Nanoseconds, ...]:
        return tuple(self.plan(plan) * (point + 1) // plan.depth for point in range(plan.depth))


def decodes(step: int, starts: tuple[int, ...] = (5, 7), generation: int = 0) -> Plan:
    return Plan(step, 0, generation, tuple(range(len(starts))), starts, depth=DEPTH)


def prefill(step: int, tokens: int = 20, generation: int = 0) -> Plan:
    return Plan(step, 0, generation, work=(Slab(9, 0, tokens, 0, DEPTH, 1),), depth=DEPTH)


def executor(stages: int = 1, jitter: Jitter | None = None) -> tuple[VirtualSource, VirtualExecutor]:
    source = VirtualSource()
    return source, VirtualExecutor(source, Cost(stages), jitter)


def land(source: VirtualSource, runs: VirtualExecutor) -> tuple[int, int, int | None, bool]:
    assert runs.ends_at is not None
    source.now = runs.ends_at
    result = runs.land(source.now)
    return result.time, result.duration, result.reached, result.revoked


def test_steps_run_one_after_another() -> None:
    source, runs = executor()
    runs.dispatch(decodes(0))
    runs.dispatch(prefill(1))
    assert land(source, runs) == (212, 212, None, False)
    assert land(source, runs) == (412, 200, None, False)
    assert runs.ends_at is None


def test_an_idle_executor_begins_when_it_is_asked() -> None:
    source, runs = executor()
    source.now = 1000
    runs.dispatch(prefill(0))
    assert runs.ends_at == 1200


def test_a_stop_lands_on_the_next_preemption_point_and_revokes_what_follows() -> None:
    source, runs = executor()
    runs.dispatch(prefill(0))
    runs.dispatch(prefill(1))
    source.now = 45
    runs.stop(0)
    assert land(source, runs) == (60, 60, 3, False)
    assert land(source, runs) == (60, 0, None, True)
    runs.dispatch(prefill(2, generation=1))
    assert land(source, runs) == (260, 200, None, False)


def test_a_plan_that_knows_nothing_of_the_stop_is_revoked_when_it_comes() -> None:
    source, runs = executor()
    runs.dispatch(prefill(0))
    source.now = 45
    runs.stop(0)
    land(source, runs)
    runs.dispatch(prefill(1, generation=0))
    assert land(source, runs) == (60, 0, None, True)


@pytest.mark.parametrize("when", [0, 45])
def test_a_stop_for_another_step_does_nothing(when: int) -> None:
    source, runs = executor()
    runs.dispatch(prefill(0))
    source.now = when
    runs.stop(7)
    assert land(source, runs) == (200, 200, None, False)


def test_a_stop_too_late_does_nothing() -> None:
    source, runs = executor()
    runs.dispatch(prefill(0))
    source.now = 190
    runs.stop(0)
    assert land(source, runs) == (200, 200, None, False)


def test_a_step_is_stopped_once() -> None:
    source, runs = executor()
    runs.dispatch(prefill(0))
    for source.now in (45, 50):
        runs.stop(0)
    assert land(source, runs)[2] == 3


def test_the_stages_of_a_pipeline_work_at_the_same_time() -> None:
    source, runs = executor(stages=2)
    runs.dispatch(prefill(0))
    runs.dispatch(prefill(1))
    assert land(source, runs)[0] == 400, "both stages, one after the other"
    assert land(source, runs)[0] == 600, "the second step was one stage behind"


def test_a_pipeline_does_not_stop_in_mid_step() -> None:
    source, runs = executor(stages=2)
    runs.dispatch(prefill(0))
    source.now = 45
    runs.stop(0)
    assert land(source, runs)[2] is None


def test_the_steps_of_a_leap_end_when_single_ones_would() -> None:
    jitter = Jitter(0.2, seed=3)
    _, runs = executor(jitter=jitter)
    singly, single = executor(jitter=jitter)
    for own in (runs, single):
        own.dispatch(decodes(0, (5, 7)))
        own.dispatch(decodes(1, (6, 8)))
    ends: list[int] = []
    runs.extend(ends, 4, None)
    runs.leap([decodes(3, (8, 10)), decodes(4, (9, 11))], ends, 3)
    expected = []
    for step in range(2, 6):
        expected.append(land(singly, single)[0])
        single.dispatch(decodes(step, (5 + step, 7 + step)))
    assert ends == expected
    assert runs.ends_at == expected[-1]


def test_a_leap_is_prepared_no_further_than_needed() -> None:
    _, runs = executor()
    runs.dispatch(decodes(0))
    ends: list[int] = []
    runs.extend(ends, 100, 500)
    assert ends == [212, 426, 642], "one behind 500 is enough to know"
    runs.extend(ends, 100, 500)
    assert len(ends) == 3
    runs.extend(ends, 4, None)
    assert len(ends) == 4


def test_jitter_has_mean_one_and_the_spread_asked_for() -> None:
    jitter = Jitter(0.1, seed=1)
    factors = [jitter.of(step) for step in range(4096)]
    assert statistics.fmean(factors) == pytest.approx(1, abs=0.005)
    assert statistics.pstdev(factors) == pytest.approx(0.1, rel=0.05)
    assert Jitter().of(17) == 1.0
    assert Jitter(0.1, seed=2).of(0) != factors[0]


def test_a_scaled_cost_stretches_everything() -> None:
    cost = Scaled(Cost(), 1.5)
    assert cost.stages == 1
    assert cost.decodes(2, 10) == 315
    assert cost.plan(prefill(0)) == 300
    assert cost.depths(prefill(0))[-1] == 300
