"""Events change what is known, plans say what to do next, and a policy's mistakes cost it a step at most."""

from __future__ import annotations

from typing import Any

import pytest

from doubletime.core.default import Default
from doubletime.core.events import Fallback, Result, Row, Timer
from doubletime.core.policy import FlightView, Policy, SequenceView, Served, StepView
from doubletime.core.scheduler import Stuck
from doubletime.core.vocabulary import Finish, Slab, State
from tests.core.rig import FULL, MS, WINDOW, Rig, Scripted

# ---- the door


@pytest.mark.parametrize(
    ("prompt", "limit", "fields", "reason"),
    [
        (4, 0, {}, "at least 1 output token must be asked for, not 0"),
        (0, 4, {}, "the prompt is empty"),
        (4, 4, {"n": 0}, "n must be 1 or more"),
        (4, 4, {"n": 2, "final": False}, "1 for a prompt that is still arriving, not 2"),
        (60, 6, {}, "need 17 KV blocks of 4 tokens in group 0; there are 16"),
        (90, 11, {}, "90 prompt + 11 output tokens are over the maximum length 100"),
        (4, 2, {"generates": False}, "generates nothing has a limit of 1, not 2"),
        (101, 1, {"generates": False}, "101 prompt + 0 output tokens are over the maximum length 100"),
    ],
)
def test_what_can_never_run_is_refused_with_the_reason(prompt: int, limit: int, fields: Any, reason: str) -> None:
    rig = Rig(max_length=100)
    request = rig.arrive(prompt, limit, **fields)
    ((refused, why),) = rig.core.take_refused()
    assert refused == request
    assert reason in why
    assert rig.core.take_refused() == []
    assert rig.living == []
    assert rig.core.plan().idle


def test_what_just_fits_is_taken() -> None:
    rig = Rig(max_length=100)
    rig.arrive(60, 5)
    rig.arrive(1, 1)
    rig.arrive(0, 5, final=False)
    rig.arrive(1, 1, n=3)
    assert rig.core.take_refused() == []
    assert Rig(max_length=65).arrive(60, 5) == 0


def test_a_prompt_that_nothing_follows_may_fill_the_model_and_ends_when_it_is_computed() -> None:
    rig = Rig(max_length=64)
    rig.arrive(64, 1, generates=False)
    assert rig.core.take_refused() == []
    assert sum(slab.tokens for plan in rig.steps(2) for slab in plan.slabs) == 64
    assert rig.living == []
    assert [seq.finish for seq in rig.core.take_ended()] == [Finish.LENGTH]


def test_an_id_in_use_is_refused() -> None:
    rig = Rig()
    rig.arrive(4)
    rig._next = 0
    rig.arrive(4)
    assert rig.core.take_refused() == [(0, "request id 0 is in use")]
    assert rig.living == [0]


def test_the_executor_is_told_to_forget_what_was_refused() -> None:
    rig = Rig()
    rig.arrive(100, n=2)
    rig.arrive(4)
    assert rig.plan().ends == (0, 1)


# ---- one request


def test_a_request_is_prefilled_decoded_and_finished() -> None:
    rig = Rig()
    rig.arrive(6, 3)
    plans = rig.steps(3)
    assert [plan.slabs for plan in plans] == [
        (Slab(0, 0, 6, 0, 8, 1),), (Slab(0, 6, 1, 0, 8, 1),), (Slab(0, 7, 1, 0, 8, 1),),
    ]  # fmt: skip
    assert [plan.step for plan in plans] == [0, 1, 2]
    assert rig.living == []
    assert rig.held_blocks == 0
    assert rig.core.plan().idle


def test_times_of_a_request() -> None:
    rig = Rig()
    rig.time = 5
    rig.arrive(6, 4)
    seq = rig.seq(0)
    rig.steps(1)
    assert (seq.arrived, seq.first_slab, seq.first, seq.last) == (5, 5, 5 + MS, 5 + MS)
    rig.steps(2)
    assert (seq.first_slab, seq.first, seq.last) == (5, 5 + MS, 5 + 3 * MS)


def test_a_finish_reported_by_the_executor_ends_the_sequence() -> None:
    rig = Rig()
    rig.arrive(6, 9)
    seq = rig.seq(0)
    rig.step()
    rig.step(Row(0, finish=Finish.STOP))
    assert seq.finish is Finish.STOP
    assert seq.output == 2
    assert rig.living == []


def test_time_is_that_of_the_latest_event() -> None:
    rig = Rig()
    rig.core.apply(Timer(50))
    rig.core.apply(Timer(20))
    assert rig.core.now == 50
    rig.arrive(4)
    assert rig.plan().now == 50


def test_results_come_in_order() -> None:
    rig = Rig()
    rig.arrive(4)
    rig.plan()
    with pytest.raises(ValueError, match="a result of step 3, but step 0 is the oldest in flight"):
        rig.core.apply(Result(1, 3, 1))


# ---- mistakes of policies


def test_an_exception_costs_the_policy_the_step_and_nobody_anything() -> None:
    def bad(step: StepView) -> None:
        step.decode_all()
        step.run(next(iter(step.waiting())))
        raise RuntimeError("oops")

    rig = Rig(Scripted(bad))
    rig.arrive(6)
    plan = rig.plan()
    assert (plan.planner, plan.fault) == ("default", "RuntimeError: oops")
    assert plan.slabs == (Slab(0, 0, 6, 0, 8, 1),)
    assert len(rig.seq(0).tables[0]) == 2


def test_planning_nothing_although_there_is_work_is_made_up_for() -> None:
    rig = Rig(Scripted(lambda step: None))
    rig.arrive(6)
    plan = rig.plan()
    assert (plan.planner, plan.fault) == ("default", "the policy planned nothing although there is work")
    assert not plan.idle
    assert rig.plan().planner == "policy", "with a step in flight it may wait"
    rig.done()
    assert rig.plan().planner == "default"


def test_a_policy_may_sleep_on_purpose() -> None:
    rig = Rig(Scripted(lambda step: step.sleep(7 * MS)))
    rig.arrive(6)
    plan = rig.plan()
    assert (plan.idle, plan.wake, plan.planner, plan.fault) == (True, 7 * MS, "policy", "")


def test_a_fault_of_a_hook_is_noted_in_the_next_plan() -> None:
    class Forgetful(Default):
        def arrive(self, seq: SequenceView, now: int) -> None:
            raise KeyError("who?")

    rig = Rig(Forgetful())
    rig.arrive(6)
    plan = rig.step()
    assert (plan.planner, plan.fault) == ("policy", "KeyError: 'who?'")
    assert rig.step().fault == ""


def test_a_fault_of_a_hook_is_noted_whoever_plans() -> None:
    class Broken(Scripted):
        def arrive(self, seq: SequenceView, now: int) -> None:
            raise KeyError("who?")

    rig = Rig(Broken(lambda step: None))
    rig.arrive(6)
    assert rig.step().fault == "the policy planned nothing although there is work; KeyError: 'who?'"


def test_a_promise_that_raises_or_makes_no_sense_is_none() -> None:
    class Odd(Default):
        answers: list[Any]

        def steady(self, step: StepView) -> int:
            return self.answers.pop(0)()  # type: ignore[no-any-return]

    policy = Odd()
    policy.answers = [lambda: 1 // 0, lambda: None, lambda: -3, lambda: 1]
    rig = Rig(policy)
    rig.arrive(6, 9)
    faults = [plan.fault.split(":")[0] for plan in rig.steps(5)]
    assert faults == ["", "", "ZeroDivisionError", "TypeError", ""]
    assert policy.answers == []


def test_a_slow_policy_is_replaced_for_some_steps() -> None:
    rig = Rig(Scripted(lambda step: step.decode_all()))
    rig.arrive(6, 9)
    rig.core.apply(Fallback(0, 2))
    plans = rig.steps(3)
    assert [plan.planner for plan in plans] == ["default", "default", "policy"]
    assert plans[0].fault == "the policy was too slow"
    assert plans[2].fault == ""


def test_stuck_names_everybody_who_waits_and_why() -> None:
    """It cannot happen unless the core is broken: here two blocks are stolen from the pool."""
    rig = Rig(blocks=4)
    rig.arrive(12, 4)
    for _ in range(2):
        rig.core.memory.pools[0].allocate()
    with pytest.raises(Stuck) as error:
        rig.plan()
    assert str(error.value) == (
        "no step could be planned at 0 ns. the policy planned nothing although there is work "
        "Waiting: <sequence 0 waiting 0/12+0>: blocks"
    )


def test_an_idle_engine_is_not_stuck() -> None:
    rig = Rig()
    assert rig.plan().idle
    rig.arrive(4, ready=False)
    rig.arrive(0, final=False)
    assert rig.plan().idle
    assert rig.core.step == 2, "idle plans count"


# ---- cancel, ready, append, truncate


def test_a_cancel_ends_all_sequences_of_a_request() -> None:
    rig = Rig()
    rig.arrive(6, n=2)
    rig.arrive(6)
    rig.step()
    seqs = [rig.seq(i) for i in (0, 1)]
    rig.cancel(0)
    rig.cancel(77)
    assert rig.living == [2]
    assert [seq.finish for seq in seqs] == [Finish.CANCEL] * 2
    assert rig.step().ends == (0, 1)


def test_what_is_busy_waits_for_its_ready() -> None:
    rig = Rig()
    rig.arrive(6, ready=False)
    assert rig.plan().idle
    rig.ready(0)
    rig.ready(99)
    assert rig.step().slabs == (Slab(0, 0, 6, 0, 8, 1),)


def test_a_prompt_that_arrives_in_parts_is_computed_as_it_comes() -> None:
    rig = Rig()
    rig.arrive(5, final=False)
    assert rig.step().slabs == (Slab(0, 0, 5, 0, 8, 0),), "no sample before the end"
    assert rig.plan().idle
    assert rig.seq(0).state is State.HELD, "it needs no seat"
    rig.append(0, 3)
    assert rig.step().slabs == (Slab(0, 5, 3, 0, 8, 0),)
    rig.append(0, 2, final=True)
    assert rig.step().slabs == (Slab(0, 8, 2, 0, 8, 1),)
    assert rig.seq(0).output == 1


def test_a_prompt_that_ends_without_more_tokens_computes_its_last_again() -> None:
    rig = Rig()
    rig.arrive(5, final=False)
    rig.step()
    rig.append(0, 0, final=True)
    assert rig.step().slabs == (Slab(0, 4, 1, 0, 8, 1),)


def test_appending_to_a_complete_prompt_is_an_error() -> None:
    rig = Rig()
    rig.arrive(5)
    with pytest.raises(ValueError, match="sequence 0: its prompt is complete, 3 tokens cannot be appended"):
        rig.append(0, 3)
    rig.append(42, 3)


def test_a_prompt_that_grows_too_long_is_refused_late() -> None:
    rig = Rig()
    rig.arrive(5, final=False)
    seq = rig.seq(0)
    rig.step()
    rig.append(0, 100)
    ((request, reason),) = rig.core.take_refused()
    assert request == 0
    assert "there are 16" in reason
    assert seq.finish is Finish.ERROR
    assert rig.held_blocks == 0


def test_an_appended_prompt_brings_its_keys() -> None:
    rig = Rig()
    rig.arrive(5, prefix=10, final=False)
    rig.append(0, 4, keys=(11,), final=True)
    rig.step()
    assert list(rig.core.memory.pools[0].index) == [10, 11]


def test_truncating_sampled_tokens_computes_from_there() -> None:
    rig = Rig()
    rig.arrive(6, 9)
    rig.steps(4)
    rig.truncate(0, 8)
    seq = rig.seq(0)
    assert (seq.output, seq.done, seq.final) == (2, 7, True)
    plan = rig.step()
    assert plan.slabs == (Slab(0, 7, 1, 0, 8, 1),)
    assert (seq.output, seq.done, seq.in_flight) == (3, 8, 0), "the first step after the cut counts"
    assert plan.drops == (0,)


def test_truncating_the_prompt_opens_it_again() -> None:
    rig = Rig()
    rig.arrive(10, 9, prefix=50)
    rig.steps(2)
    rig.truncate(0, 6)
    seq = rig.seq(0)
    assert (seq.prompt, seq.output, seq.done, seq.final, seq.keys) == (6, 0, 6, False, [50])
    assert len(seq.tables[0]) == 2
    assert rig.plan().idle
    rig.append(0, 1, final=True)
    assert rig.step().slabs == (Slab(0, 6, 1, 0, 8, 1),)


def test_truncating_to_what_there_is_or_nobody_does_nothing() -> None:
    rig = Rig()
    rig.arrive(6, 9)
    rig.steps(2)
    rig.truncate(0, 8)
    rig.truncate(99, 1)
    assert rig.seq(0).output == 2
    assert rig.step().drops == ()


@pytest.mark.parametrize("seq", [0, 1])
def test_a_prompt_that_choices_wait_for_cannot_be_truncated(seq: int) -> None:
    """The others would share blocks of what the first has computed instead."""
    rig = Rig()
    rig.arrive(6, 9, n=2)
    with pytest.raises(ValueError, match=f"sequence {seq}: the prompt that the choices of its request share"):
        rig.truncate(seq, 3)
    rig.step()
    rig.truncate(seq, 3)
    assert rig.seq(seq).prompt == 3


def test_truncating_voids_what_is_in_flight() -> None:
    rig = Rig()
    rig.arrive(6, 9)
    rig.steps(2)
    rig.plan()
    rig.truncate(0, 7)
    rig.done(Row(0, finish=Finish.STOP, keys=(1, 2)))
    seq = rig.seq(0)
    assert (seq.output, seq.finish, seq.keys, seq.in_flight) == (1, None, [], 0)
    assert rig.step().slabs == (Slab(0, 6, 1, 0, 8, 1),)


# ---- overlap


def test_two_steps_in_flight_go_on_from_placeholders() -> None:
    rig = Rig()
    rig.arrive(6, 4)
    slabs = [rig.plan().slabs for _ in range(4)]
    assert [(slab[0].start, slab[0].tokens) for slab in slabs] == [(0, 6), (6, 1), (7, 1), (8, 1)]
    assert rig.plan().idle, "all its output is in flight"
    for _ in range(4):
        rig.done()
    assert rig.living == []


def test_work_planned_past_a_finish_is_void_and_its_blocks_return_when_its_step_ends() -> None:
    rig = Rig()
    rig.arrive(6, 9)
    seq = rig.seq(0)
    rig.plan()
    rig.plan()
    rig.done(Row(0, finish=Finish.STOP))
    assert (seq.finish, seq.output) == (Finish.STOP, 1)
    assert rig.living == []
    assert rig.held_blocks == 2
    assert rig.core.memory.limbo == [2]
    rig.done()
    assert seq.output == 1
    assert rig.held_blocks == 0
    assert rig.core.memory.limbo == [0]


def test_a_serial_sequence_waits_for_each_result() -> None:
    rig = Rig()
    rig.arrive(6, 3, serial=True)
    rig.plan()
    assert rig.plan().idle
    rig.done()
    assert rig.plan().decode_seqs == (0,)
    assert rig.plan().idle
    rig.done()
    rig.step()
    assert rig.living == []


def test_a_failed_step_ends_its_sequences_and_publishes_nothing() -> None:
    rig = Rig()
    rig.arrive(8, prefix=0)
    rig.arrive(8, ready=False)
    seq = rig.seq(0)
    rig.step(failed=True)
    assert seq.finish is Finish.ERROR
    assert rig.living == [1]
    assert rig.core.memory.pools[0].index == {}
    assert rig.held_blocks == 0


def test_a_failed_step_leaves_those_that_were_truncated_meanwhile() -> None:
    rig = Rig()
    rig.arrive(8)
    rig.plan()
    rig.truncate(0, 4)
    rig.done(failed=True)
    assert rig.living == [0]
    assert rig.seq(0).in_flight == 0


# ---- the steady promise


class Steady(Default):
    name = "steady"

    def __init__(self, *promises: int) -> None:
        """The last promise is repeated."""
        self.promises = list(promises)
        self.composed = 0
        self.reports: list[Served] = []

    def compose(self, step: StepView) -> None:
        self.composed += 1
        super().compose(step)

    def steady(self, step: StepView) -> int:
        return self.promises.pop(0) if len(self.promises) > 1 else self.promises[0]

    def served(self, report: Served) -> None:
        self.reports.append(report)


def test_a_promise_saves_the_policy_the_asking() -> None:
    policy = Steady(4, 0, 0, 0, 0, 0, 0)
    rig = Rig(policy)
    rig.arrive(6, 12)
    plans = rig.steps(12)
    assert policy.composed == 8, "the prefill, a decode that promises four more, and the six that are left"
    assert all(plan.decode_seqs == (0,) for plan in plans[1:])
    assert all(plan.planner == "policy" for plan in plans)


def test_a_plan_that_only_keeps_a_promise_says_so() -> None:
    rig = Rig(Steady(2, 0, 0))
    rig.arrive(6, 7)
    repeated = []
    for _ in range(7):
        rig.plan()
        repeated.append(rig.core.repeated)
        rig.done()
    assert repeated == [False, False, True, True, False, False, False]


def test_a_promise_that_runs_out_may_be_renewed() -> None:
    policy = Steady(3)
    rig = Rig(policy)
    rig.arrive(6, 12)
    rig.steps(12)
    assert policy.composed == 2


def test_a_run_of_equal_steps_is_one_report() -> None:
    policy = Steady(4, 0, 0, 0, 0, 0, 0)
    rig = Rig(policy)
    rig.arrive(6, 8)
    rig.steps(8)
    assert [report.steps for report in policy.reports] == [1, 5, 1, 1]
    assert [report.duration for report in policy.reports] == [MS, 5 * MS, MS, MS]
    assert [report.now for report in policy.reports] == [MS, 6 * MS, 7 * MS, 8 * MS]
    assert policy.reports[1].work.decodes == 5
    assert policy.reports[1].work.decode_context == 6 + 7 + 8 + 9 + 10
    assert [seq.id for seq in policy.reports[1].sampled] == [0]
    assert not policy.reports[1].stopped


def test_any_event_ends_a_promise() -> None:
    policy = Steady(1000)
    rig = Rig(policy)
    rig.arrive(6, 12)
    rig.steps(3)
    before = policy.composed
    rig.arrive(6, 12)
    assert len(policy.reports) == 1, "not reported before it is asked again"
    rig.step()
    assert policy.composed == before + 1
    assert [report.steps for report in policy.reports[:2]] == [1, 2]


def test_a_finish_ends_a_promise_only_if_somebody_waits() -> None:
    for waits in (False, True):
        policy = Steady(1000)
        rig = Rig(policy, seats=2)
        rig.arrive(6, 3)
        rig.arrive(6, 9)
        if waits:
            rig.arrive(6, 3)
        rig.steps(3)
        assert policy.composed == 2
        plan = rig.step()
        assert policy.composed == 2 + waits
        assert plan.decode_seqs == (1,)


def test_a_finish_ends_a_run_of_equal_steps() -> None:
    policy = Steady(1000)
    rig = Rig(policy)
    rig.arrive(6, 4)
    rig.arrive(6, 9)
    rig.steps(9)
    assert [(report.steps, report.work.decodes) for report in policy.reports] == [(1, 0), (3, 6), (5, 5)]


def test_new_keys_end_a_promise_only_if_somebody_waits() -> None:
    for waits in (False, True):
        policy = Steady(1000)
        rig = Rig(policy, seats=1)
        rig.arrive(3, 9)
        if waits:
            rig.arrive(3, 9)
        rig.steps(2)
        rig.step(Row(0, keys=(5,)))
        before = policy.composed
        rig.step()
        assert policy.composed == before + waits


def test_a_promise_holds_while_blocks_last() -> None:
    """Two sequences meet the end of the memory: the policy is asked again, and one is preempted."""
    policy = Steady(1000)
    rig = Rig(policy, blocks=4)
    rig.arrive(4, 9)
    rig.arrive(4, 9)
    rig.steps(5)
    assert policy.composed == 2
    plan = rig.step()
    assert policy.composed == 3
    assert [gone.seq for gone in plan.preempted] == [1]


def test_no_promise_while_a_window_may_free_blocks_for_somebody_who_waits() -> None:
    for groups in ((FULL,), (FULL, WINDOW)):
        policy = Steady(1000)
        rig = Rig(policy, groups=groups, seats=1)
        rig.arrive(3, 9)
        rig.arrive(3, 9)
        rig.steps(4)
        assert policy.composed == (2 if groups == (FULL,) else 4)


def test_no_promise_while_somebody_prefills() -> None:
    class Starving(Steady):
        def compose(self, step: StepView) -> None:
            self.composed += 1
            if not step.decode_all():
                for seq in list(step.waiting()):
                    step.run(seq, 3)

    policy = Starving(1000)
    rig = Rig(policy)
    rig.arrive(3, 9)
    rig.arrive(6, 9)
    rig.steps(4)
    assert policy.composed == 4


def test_a_stop_or_a_failed_step_ends_a_promise() -> None:
    for how in ({"reached": 4}, {"failed": True}, {"revoked": True}):
        policy = Steady(1000)
        rig = Rig(policy)
        rig.arrive(3, 9)
        rig.steps(2)
        rig.step(**how)
        before = policy.composed
        rig.arrive(3, 2)
        rig.plan()
        assert policy.composed == before + 1


# ---- interruption


class Impatient(Default):
    """Stops every step for every newcomer."""

    name = "impatient"

    def __init__(self) -> None:
        self.asked: list[FlightView] = []
        self.reports: list[Served] = []
        self.answer = True

    def interrupt(self, newcomer: SequenceView, flight: FlightView, now: int) -> bool:
        self.asked.append(flight)
        return self.answer

    def served(self, report: Served) -> None:
        self.reports.append(report)


def test_a_newcomer_may_stop_the_step_that_runs_once() -> None:
    policy = Impatient()
    rig = Rig(policy)
    rig.arrive(6)
    assert policy.asked == [], "nothing ran"
    rig.plan()
    rig.arrive(6)
    assert rig.core.take_stops() == [0]
    assert rig.core.take_stops() == []
    rig.arrive(6)
    assert len(policy.asked) == 1
    assert [seq.id for seq in policy.asked[0].seqs] == [0]
    assert policy.asked[0].work.prefill_tokens == 6


def test_a_refusal_to_stop_may_be_reconsidered() -> None:
    policy = Impatient()
    policy.answer = False
    rig = Rig(policy)
    rig.arrive(6)
    rig.plan()
    rig.arrive(6)
    rig.arrive(6)
    assert len(policy.asked) == 2
    assert rig.core.take_stops() == []


def test_who_cannot_run_stops_nobody() -> None:
    policy = Impatient()
    rig = Rig(policy)
    rig.arrive(6)
    rig.plan()
    rig.arrive(6, ready=False)
    assert policy.asked == []


def test_a_step_whose_rows_could_not_stay_open_is_not_stopped() -> None:
    for open_rows, asked in ((32, 0), (33, 1)):
        policy = Impatient()
        rig = Rig(policy, open_rows=open_rows, rows=32, blocks=30)
        rig.arrive(1, 2)
        held = rig.seq(0)
        rig.step(reached=3)
        assert held.open is not None
        rig.core.roster.open_rows = 1
        rig.arrive(40, 2)
        plan = rig.plan()
        assert plan.rows == 32
        rig.core.roster.open_rows = 1
        rig.arrive(6)
        assert len(policy.asked) == asked


def test_a_stopped_step_leaves_its_slabs_open_and_revokes_later_ones() -> None:
    policy = Impatient()
    rig = Rig(policy)
    rig.arrive(6)
    rig.plan()
    rig.plan()
    rig.arrive(6)
    rig.done(reached=3)
    seq = rig.seq(0)
    assert (seq.depth, seq.computed, seq.pending, seq.output) == (3, 0, 0, 0)
    assert rig.core.roster.open_rows == 6
    assert rig.core.generation == 1
    before = len(policy.asked)
    rig.arrive(6)
    assert len(policy.asked) == before, "a revoked step is not worth a stop"
    rig.done(revoked=True)
    assert seq.output == 0
    plan = rig.plan()
    assert plan.generation == 1
    assert plan.slabs[0] == Slab(0, 0, 6, 3, 8, 1)
    rig.done()
    assert seq.output == 1
    assert rig.core.roster.open_rows == 0


def test_a_stopped_step_reports_its_share_of_the_work() -> None:
    policy = Impatient()
    rig = Rig(policy)
    rig.arrive(6)
    rig.step(reached=2)
    (report,) = policy.reports
    assert report.stopped
    assert report.sampled == ()
    assert report.work.prefill_tokens == 6 * 2 / 8
    assert report.work.prefill_context == 18 * 2 / 8


def test_steps_that_did_not_run_are_not_reported() -> None:
    policy = Impatient()
    rig = Rig(policy)
    rig.arrive(6)
    rig.step(revoked=True)
    rig.arrive(6)
    assert policy.reports == []


def test_the_next_step_starts_when_the_last_has_ended() -> None:
    policy = Impatient()
    rig = Rig(policy)
    rig.arrive(6)
    rig.plan()
    rig.plan()
    rig.done(took=9)
    rig.arrive(6)
    assert policy.asked[-1].started == 9


def test_without_a_policy_the_default_plans() -> None:
    rig = Rig()
    assert rig.core.stack.name == "default"
    assert isinstance(rig.core.stack.parts[0], Policy)
