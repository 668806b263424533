"""Where every sequence is: forks, preemption, and memory that steps in flight still use."""

from __future__ import annotations

from doubletime.core.events import Row
from doubletime.core.plan import Copy
from doubletime.core.policy import StepView
from doubletime.core.vocabulary import Fate, Finish, Slab, State
from tests.core.rig import FULL, WINDOW, Rig, Scripted


def test_choices_wait_for_the_prompt_then_share_its_blocks() -> None:
    rig = Rig()
    rig.arrive(6, 3, n=3)
    plan = rig.step()
    assert plan.slabs == (Slab(0, 0, 6, 0, 8, 1),)
    assert [rig.seq(i).state for i in (1, 2)] == [State.HELD, State.HELD]
    assert [rig.seq(i).tables for i in (1, 2)] == [rig.seq(0).tables] * 2
    plan = rig.step()
    assert sorted(plan.slabs) == [Slab(0, 6, 1, 0, 8, 1), Slab(1, 5, 1, 0, 8, 1), Slab(2, 5, 1, 0, 8, 1)]
    assert sorted(plan.copies) == [Copy(0, 1, 2), Copy(0, 1, 3)], "the partly filled block, for each but the last"
    rig.step()
    assert rig.living == [1, 2]
    rig.step()
    assert rig.living == []
    assert rig.held_blocks == 0


def test_forks_of_a_whole_block_copy_nothing_but_what_they_write() -> None:
    rig = Rig()
    rig.arrive(5, 2, n=2)
    rig.step()
    assert rig.seq(1).tables == [rig.seq(0).tables[0][:1]], "block 1 begins with the token that it computes itself"
    assert rig.step().copies == ()


def test_a_prompt_of_one_token_is_computed_by_each() -> None:
    rig = Rig()
    rig.arrive(1, 2, n=2)
    rig.step()
    assert rig.seq(1).state is State.WAITING
    assert Slab(1, 0, 1, 0, 8, 1) in rig.step().slabs


def test_siblings_of_a_cancelled_first_choice_go_on() -> None:
    """A finish of the first choice before the prompt is complete: the others compute the prompt themselves."""
    rig = Rig()
    rig.arrive(6, 2, n=2)
    rig.core.roster.finish(rig.seq(0), Finish.ERROR)
    assert rig.seq(1).state is State.WAITING
    assert rig.step().slabs == (Slab(1, 0, 6, 0, 8, 1),)


def test_siblings_do_not_fork_twice() -> None:
    rig = Rig()
    rig.arrive(6, 9, n=2)
    rig.step()
    seq = rig.seq(1)
    rig.steps(2)
    assert seq.state is State.RUNNING
    assert seq.hit_tokens == 5


def test_a_fork_whose_window_has_moved_on_computes_the_prompt_itself() -> None:
    rig = Rig(groups=(FULL, WINDOW))
    rig.arrive(10, 9, n=2)
    rig.plan()
    rig.plan()
    rig.done()
    assert rig.seq(1).state is State.HELD, "the window of position 9 is there"
    assert rig.seq(1).tables[1][0] == -1


def test_recompute_drops_kv_and_keeps_tokens() -> None:
    rig = Rig()
    rig.arrive(6, 9)
    rig.steps(3)
    rig.core.roster.preempt(rig.seq(0), Fate.RECOMPUTE)
    seq = rig.seq(0)
    assert (seq.state, seq.done, seq.output, seq.recomputed, seq.preemptions) == (State.WAITING, 0, 3, 8, 1)
    assert rig.held_blocks == 0
    plan = rig.step()
    assert plan.drops == (0,)
    assert plan.slabs == (Slab(0, 0, 9, 0, 8, 1),)
    assert plan.tables[0].at == 0


def test_recompute_takes_prefix_hits() -> None:
    rig = Rig()
    rig.arrive(9, 9, prefix=0)
    rig.steps(3)
    rig.core.roster.preempt(rig.seq(0), Fate.RECOMPUTE)
    assert rig.step().slabs == (Slab(0, 8, 4, 0, 8, 1),)


def test_hold_keeps_kv_and_open_slab() -> None:
    def halfway(step: StepView) -> None:
        step.run(next(iter(step.waiting())), depth=4)

    rig = Rig(Scripted(halfway))
    rig.arrive(6, 9)
    rig.step()
    rig.core.roster.preempt(rig.seq(0), Fate.HOLD)
    seq = rig.seq(0)
    assert (seq.state, seq.depth, seq.recomputed, seq.preemptions) == (State.HELD, 4, 0, 1)
    assert rig.core.roster.open_rows == 6
    assert list(rig.core.roster.waiting) == [seq]
    rig.core.roster.preempt(seq, Fate.RECOMPUTE)
    assert (seq.state, seq.depth) == (State.WAITING, 0)
    assert rig.core.roster.open_rows == 0


def test_an_open_prompt_that_lost_its_kv_while_waiting_is_parked() -> None:
    rig = Rig()
    rig.arrive(6, 9, final=False)
    rig.step()
    seq = rig.seq(0)
    assert seq.state is State.HELD
    rig.core.roster.preempt(seq, Fate.RECOMPUTE)
    assert seq.parked
    assert rig.plan().idle, "it is not computed again before there is more"
    rig.append(0, 1, final=True)
    assert rig.step().slabs == (Slab(0, 0, 7, 0, 8, 1),)


def test_a_preempted_sequence_with_work_left_is_not_parked() -> None:
    rig = Rig(rows=4, open_rows=8)
    rig.arrive(6, 9, final=False)
    rig.step()
    rig.core.roster.preempt(rig.seq(0), Fate.RECOMPUTE)
    assert not rig.seq(0).parked
    assert rig.step().slabs == (Slab(0, 0, 4, 0, 8, 0),)


def test_preempting_in_flight_keeps_the_token_and_drops_the_kv() -> None:
    rig = Rig()
    rig.arrive(6, 9)
    rig.plan()
    seq = rig.seq(0)
    rig.core.roster.preempt(seq, Fate.RECOMPUTE)
    assert rig.core.memory.limbo == [2]
    assert rig.held_blocks == 2
    rig.done()
    assert (seq.output, seq.done) == (1, 0)
    assert rig.held_blocks == 0
    assert rig.core.memory.pools[0].index == {}
    assert rig.step().slabs == (Slab(0, 0, 7, 0, 8, 1),)


def test_blocks_in_limbo_return_with_the_last_step_that_uses_them() -> None:
    rig = Rig()
    rig.arrive(6, 9)
    rig.plan()
    rig.plan()
    rig.cancel(0)
    rig.done()
    assert rig.held_blocks == 2
    rig.done()
    assert rig.held_blocks == 0


def test_a_seat_is_counted_in_order_of_admission() -> None:
    rig = Rig(seats=2)
    for _ in range(3):
        rig.arrive(4, 2)
    rig.step()
    assert list(rig.core.roster.running) == [0, 1]
    assert [rig.seq(i).admitted for i in (0, 1, 2)] == [0, 1, -1]
    rig.step()
    rig.step()
    assert rig.seq(2).admitted == 2


def test_who_waits_for_somebody_outside_holds_no_seat() -> None:
    rig = Rig(seats=1)
    rig.arrive(6, 9, final=False)
    rig.arrive(6, 9)
    rig.step()
    assert rig.seq(0).state is State.HELD
    assert rig.step().slabs == (Slab(1, 0, 6, 0, 8, 1),)


def test_what_finished_leaves_no_trace() -> None:
    rig = Rig()
    rig.arrive(6, 2, n=2)
    rig.steps(3)
    roster = rig.core.roster
    places = (roster.sequences, roster.requests, roster.running, roster.decoding, roster.prefilling, roster.held)
    assert not any(places)
    assert len(roster.waiting) == roster.open_rows == 0
    assert roster.ends == [1], "the other one was told with the last plan"


def test_the_pin_that_a_policy_asks_for_at_the_end_holds() -> None:
    class Pins(Scripted):
        def left(self, seq: object, now: int) -> int:
            return now + 100

    rig = Rig(Pins(lambda step: step.run(next(iter(step.waiting())))))
    rig.arrive(8, 1, prefix=0)
    seq = rig.seq(0)
    rig.step()
    assert seq.pin_until == rig.time + 100
    assert len(rig.core.memory.pools[0]._pinned) == 2


def test_truncating_below_the_window_starts_over() -> None:
    rig = Rig(groups=(FULL, WINDOW))
    rig.arrive(20, 9)
    rig.steps(2)
    rig.truncate(0, 10)
    seq = rig.seq(0)
    assert (seq.done, seq.tables) == (0, [[], []])
    assert rig.held_blocks == 0
    rig.append(0, 2, final=True)
    assert rig.step().slabs == (Slab(0, 0, 12, 0, 8, 1),)


def test_truncating_within_the_window_keeps_its_kv() -> None:
    rig = Rig(groups=(FULL, WINDOW))
    rig.arrive(22, 9)
    rig.steps(2)
    rig.truncate(0, 21)
    assert rig.seq(0).done == 21
    assert [len(table) for table in rig.seq(0).tables] == [6, 6]


def test_a_held_sequence_truncated_to_nothing_waits() -> None:
    rig = Rig()
    rig.arrive(6, 9, final=False)
    rig.step()
    rig.truncate(0, 0)
    assert rig.seq(0).state is State.WAITING
    assert not rig.core.roster.held
    rig.append(0, 3, final=True)
    assert rig.step().slabs == (Slab(0, 0, 3, 0, 8, 1),)


def test_ids_in_a_plan_are_told_once() -> None:
    rig = Rig()
    rig.arrive(8, 9)
    rig.steps(2)
    rig.truncate(0, 8)
    rig.truncate(0, 6)
    rig.append(0, 1, final=True)
    assert rig.plan().drops == (0,)


def test_a_row_with_keys_publishes() -> None:
    rig = Rig()
    rig.arrive(6, 9)
    rig.steps(3)
    rig.step(Row(0, keys=(7, 8)))
    assert list(rig.core.memory.pools[0].index) == [7, 8]


def test_a_pinned_prefix_outlasts_those_that_left_later() -> None:
    rig = Rig(blocks=6)
    rig.arrive(8, 1, prefix=0)
    rig.seq(0).pin_until = 50
    rig.arrive(8, 1, prefix=100)
    rig.step()
    rig.arrive(17, 1)
    rig.step()
    assert set(rig.core.memory.pools[0].index) == {0}, "all of the other's, then the tail of the pinned one"
