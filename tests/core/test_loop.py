from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from doubletime.core.default import Default
from doubletime.core.events import Arrive, Event, Fallback, Request, Timer
from doubletime.core.loop import Engine
from doubletime.core.plan import Plan
from doubletime.core.policy import FlightView, Policy, SequenceView, StepView
from doubletime.core.scheduler import Scheduler
from doubletime.core.virtual import VirtualSource
from doubletime.executors.scripted import ScriptedExecutor
from doubletime.lab.world import Tape
from tests.core.rig import MS, Scripted, make_limits


class Stage:
    """An engine in virtual time, with everything in reach."""

    def __init__(self, *parts: Policy, events: Sequence[Event] = (), **how: Any) -> None:
        limits = make_limits()
        self.source = VirtualSource(events)
        self.scheduler = Scheduler(limits, parts)
        self.executor = ScriptedExecutor(limits, self.source)
        self.tape = Tape()
        self.engine = Engine(self.scheduler, self.executor, self.source, recorder=self.tape, **how)


def arrive(request_id: int, time: int = 0, prompt: int = 6, limit: int = 3) -> Arrive:
    return Arrive(time, Request(request_id, prompt, limit))


def test_the_loop_runs_until_there_is_no_more() -> None:
    stage = Stage(events=[arrive(0)])
    stage.engine.run()
    assert [plan.rows for plan in stage.executor.plans] == [6, 1, 1]
    assert stage.engine.steps == 3
    assert stage.source.now == 3 * MS
    assert not stage.engine.turn()


@pytest.mark.parametrize("in_flight", [1, 2, 3])
def test_as_many_steps_are_planned_ahead_as_asked_for(in_flight: int) -> None:
    stage = Stage(events=[arrive(0)], in_flight=in_flight)
    assert stage.engine.turn()
    assert len(stage.executor.plans) == in_flight
    assert stage.scheduler.in_flight == in_flight
    stage.engine.run()
    assert not stage.scheduler.roster.sequences


def test_nothing_in_flight_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        Stage(in_flight=0)


def test_refusals_go_back_to_the_source() -> None:
    stage = Stage(events=[arrive(0, prompt=1000)])
    stage.engine.run()
    assert [request for request, _ in stage.source.refusals] == [0]


def test_an_idle_plan_is_recorded_and_not_dispatched() -> None:
    stage = Stage(events=[Timer(0)])
    stage.engine.run()
    assert [plan.idle for plan in stage.tape.plans] == [True]
    assert stage.executor.plans == []


def test_events_are_recorded_with_the_step_that_first_saw_them() -> None:
    stage = Stage(events=[arrive(0), arrive(1, time=MS // 2)])
    stage.engine.run()
    assert [(step, event.kind) for step, event in stage.tape.events[:3]] == [
        (0, "arrive"),
        (1, "arrive"),
        (1, "result"),
    ]


def test_a_sleeping_policy_is_woken_by_a_timer() -> None:
    def late(step: StepView) -> None:
        if step.now < 9 * MS:
            step.sleep(9 * MS)
        step.decode_all()
        if step.now >= 9 * MS:
            for seq in list(step.waiting()):
                step.run(seq)

    stage = Stage(Scripted(late), events=[arrive(0)])
    stage.engine.run()
    assert [event.kind for _, event in stage.tape.events][:2] == ["arrive", "timer"]
    assert stage.executor.plans[0].now == 9 * MS
    assert sum(event.kind == "timer" for _, event in stage.tape.events) == 1, "and then not again"


def test_a_stop_reaches_the_executor() -> None:
    class Impatient(Default):
        def interrupt(self, newcomer: SequenceView, flight: FlightView, now: int) -> bool:
            return True

    stage = Stage(Impatient(), events=[arrive(0), arrive(1, time=MS // 4)])
    stage.engine.run()
    reached = [event.reached for _, event in stage.tape.events if event.kind == "result"]
    assert reached[0] == 2
    assert reached[1:] == [None] * (len(reached) - 1)


class Clock:
    """Goes on by `tick` with every look."""

    def __init__(self, tick: int) -> None:
        self.time, self.tick = 0, tick

    def __call__(self) -> int:
        self.time += self.tick
        return self.time


def test_planning_time_is_measured_outside_the_core() -> None:
    stage = Stage(events=[arrive(0)], stopwatch=Clock(7))
    stage.engine.run()
    assert stage.engine.planning_ns == 7 * len(stage.tape.plans)
    assert Stage().engine.planning_ns == 0


def test_a_policy_over_the_limit_is_replaced_for_later_steps() -> None:
    for limit, fallbacks in ((7, 0), (6, 1)):
        stage = Stage(Default(), events=[arrive(0)], stopwatch=Clock(7), planning_limit=limit)
        stage.engine.run()
        found = [event for _, event in stage.tape.events if isinstance(event, Fallback)]
        assert len(found) == fallbacks
        planners = [plan.planner for plan in stage.tape.plans]
        assert planners == ["policy", *["default" if fallbacks else "policy"] * (len(planners) - 1)]


def test_a_fallback_lasts_a_thousand_steps() -> None:
    stage = Stage(Default(), events=[arrive(0)], stopwatch=Clock(7), planning_limit=6)
    stage.engine.turn()
    assert [event for _, event in stage.tape.events if isinstance(event, Fallback)] == [Fallback(0, 1000)]


def test_the_engine_needs_no_recorder() -> None:
    limits = make_limits()
    source = VirtualSource([arrive(0)])
    executor = ScriptedExecutor(limits, source)
    engine = Engine(Scheduler(limits), executor, source)
    engine.run()
    assert len(executor.plans) == 3
    assert isinstance(executor.plans[0], Plan)
    assert engine.planning_ns == 0
