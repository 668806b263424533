"""A plan tells the executor exactly what changed."""

from __future__ import annotations

from doubletime.core.plan import Copy, TableChange
from doubletime.core.policy import StepView
from doubletime.core.vocabulary import Fate, KVGroup, Slab
from tests.core.rig import FULL, WINDOW, Rig, Scripted


def test_block_lists_are_told_in_full_once_then_as_changes() -> None:
    rig = Rig()
    rig.arrive(6, 9)
    assert rig.step().tables == (TableChange(0, 0, 0, (0, 1)),)
    assert [rig.step().tables for _ in range(3)] == [(), (), (TableChange(0, 0, 2, (2,)),)]


def test_each_group_has_its_own_list() -> None:
    rig = Rig(groups=(FULL, KVGroup((1,), FULL.kind, 2, 8), WINDOW))
    rig.arrive(6, 9)
    assert rig.step().tables == (
        TableChange(0, 0, 0, (0, 1)), TableChange(0, 1, 0, (0, 1, 2)), TableChange(0, 2, 0, (0, 1)),
    )  # fmt: skip
    assert rig.step().tables == (TableChange(0, 1, 3, (3,)),)
    assert rig.step().tables == ()


def test_a_hit_is_told_with_the_rest() -> None:
    rig = Rig()
    rig.arrive(8, 1, prefix=0)
    rig.step()
    rig.arrive(9, 4, prefix=0)
    plan = rig.step()
    assert plan.slabs == (Slab(1, 8, 1, 0, 8, 1),)
    assert plan.tables == (TableChange(1, 0, 0, (0, 1, 2)),)
    assert rig.seq(1).hit_tokens == 8


def test_blocks_that_left_the_window_are_marked() -> None:
    rig = Rig(groups=(WINDOW,))
    rig.arrive(16, 1, prefix=0)
    rig.step()
    rig.arrive(17, 4, prefix=0)
    assert rig.step().tables == (TableChange(1, 0, 0, (-1, -1, 2, 3, 4)),)


def test_a_copy_on_write_changes_the_list_from_there() -> None:
    rig = Rig()
    rig.arrive(7, 4, n=2)
    rig.step()
    plan = rig.step()
    assert plan.copies == (Copy(0, 1, 2),)
    assert TableChange(1, 0, 0, (0, 2)) in plan.tables


def test_a_copy_for_who_was_told_before() -> None:
    """A truncated sequence writes into a block that somebody else has taken as a hit."""
    rig = Rig()
    rig.arrive(8, 9, prefix=0)
    rig.step()
    rig.arrive(9, 9, prefix=0)
    rig.step()
    rig.truncate(0, 8)
    plan = rig.plan()
    assert [copy.source for copy in plan.copies] == [1]
    assert TableChange(0, 0, 0, (0, plan.copies[0].target)) in plan.tables


def test_frees_drops_and_ends_wait_for_a_plan_that_is_carried_out() -> None:
    rig = Rig()
    rig.arrive(6, 1)
    rig.step()
    idle = rig.plan()
    assert (idle.frees, idle.drops, idle.ends) == ((), (), ())
    rig.arrive(2, 1)
    plan = rig.plan()
    assert plan.ends == (0,)
    assert plan.frees == ((0, 1), (0, 0))


def test_a_plan_of_the_committed_preemptions() -> None:
    def swap(step: StepView) -> None:
        for seq in list(step.running()):
            step.preempt(seq, Fate.RECOMPUTE)
        for seq in list(step.waiting()):
            step.run(seq)

    rig = Rig(Scripted(swap))
    rig.arrive(6, 9)
    rig.step()
    rig.arrive(6, 9)
    plan = rig.step()
    assert plan.preempted == ((0, Fate.RECOMPUTE),)
    assert plan.drops == (0,)
    assert [slab.seq for slab in plan.work] == [1]
    assert plan.frees == ((0, 1), (0, 0))


def test_a_whole_decode_by_run_stands_in_the_columns_and_a_resumed_one_does_not() -> None:
    rig = Rig(Scripted(lambda step: [step.run(seq) for seq in [*step.running(), *step.waiting()]]))
    rig.arrive(6, 9)
    assert rig.step().decode_seqs == ()
    plan = rig.step(reached=3)
    assert (plan.decode_seqs, plan.decode_starts, plan.work) == ((0,), (6,), ())
    plan = rig.step()
    assert (plan.decode_seqs, plan.work) == ((), (Slab(0, 6, 1, 3, 8, 1),))


def test_progress_in_flight_is_counted_at_once() -> None:
    rig = Rig(Scripted(lambda step: [step.run(seq, 4, depth=4) for seq in step.waiting()]))
    rig.arrive(6, 9)
    plan = rig.plan()
    seq = rig.seq(0)
    assert (seq.in_flight, seq.last_step, seq.computed, seq.depth, seq.pending) == (1, plan.step, 0, 4, 0)
    assert rig.core.roster.open_rows == 4
    assert seq.first_slab == 0


def test_plans_carry_depth_generation_and_time() -> None:
    rig = Rig()
    rig.time = 9
    rig.arrive(6, 9)
    rig.step(reached=2)
    plan = rig.plan()
    assert (plan.step, plan.generation, plan.depth, plan.now) == (1, 1, 8, rig.time)


def test_work_is_measured_only_if_somebody_listens() -> None:
    rig = Rig()
    rig.arrive(6, 9)
    rig.plan()
    assert rig.core.roster.flights[0].work.prefill_tokens == 0


def test_a_prompt_in_chunks_is_told_as_changes_too() -> None:
    rig = Rig(Scripted(lambda step: [step.run(seq, 6) for seq in [*step.running(), *step.waiting()]]))
    rig.arrive(14, 9)
    assert [rig.step().tables for _ in range(3)] == [
        (TableChange(0, 0, 0, (0, 1)),), (TableChange(0, 0, 2, (2,)),), (TableChange(0, 0, 3, (3,)),),
    ]  # fmt: skip
