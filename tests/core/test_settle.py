"""Results are handled: what was in flight becomes progress, or is taken back."""

from __future__ import annotations

from doubletime.core.events import Row
from doubletime.core.policy import StepView
from doubletime.core.vocabulary import Fate, Finish, Open, Slab, State
from tests.core.rig import Rig, Scripted


def two(step: StepView) -> None:
    """Everybody: the first prefill to half depth, all others whole."""
    step.decode_all()
    for i, seq in enumerate([*step.prefills(), *step.waiting()]):
        step.run(seq, depth=4 if i == 0 and not seq.open else None)


def test_a_partial_slab_settles_at_its_depth_without_a_token() -> None:
    rig = Rig(Scripted(two))
    rig.arrive(6)
    rig.step()
    seq = rig.seq(0)
    assert (seq.done, seq.output, seq.first, seq.settled_open) == (0, 0, None, Open(0, 6, 4))
    rig.step()
    assert (seq.done, seq.output, seq.settled_open) == (6, 1, None)


def test_a_stop_completes_what_is_above_it_and_opens_the_rest() -> None:
    rig = Rig(Scripted(two))
    rig.arrive(6)
    rig.arrive(5)
    rig.step(reached=4)
    assert [rig.seq(i).settled_open for i in (0, 1)] == [Open(0, 6, 4), Open(0, 5, 4)]
    assert [rig.seq(i).in_flight for i in (0, 1)] == [0, 0]
    assert rig.core.roster.open_rows == 11
    assert rig.core.generation == 1


def test_a_stop_before_an_open_slab_began_leaves_it_where_it_was() -> None:
    rig = Rig(Scripted(two))
    rig.arrive(6)
    rig.step()
    rig.arrive(5)
    plan = rig.step(reached=2)
    assert plan.slabs == (Slab(0, 0, 6, 4, 8, 1), Slab(1, 0, 5, 0, 8, 1))
    assert [rig.seq(i).open for i in (0, 1)] == [Open(0, 6, 4), Open(0, 5, 2)]
    assert rig.core.roster.open_rows == 11


def test_a_stop_exactly_where_a_slab_begins_leaves_it_too() -> None:
    rig = Rig(Scripted(two))
    rig.arrive(6)
    rig.step()
    rig.step(reached=4)
    assert rig.seq(0).open == Open(0, 6, 4)


def test_stopped_decodes_stay_open_and_go_on() -> None:
    rig = Rig()
    rig.arrive(6, 5)
    rig.step()
    rig.step(reached=3)
    seq = rig.seq(0)
    assert (seq.open, seq.output, seq.computed) == (Open(6, 1, 3), 1, 6)
    assert rig.step().slabs == (Slab(0, 6, 1, 3, 8, 1),)
    assert seq.output == 2
    assert rig.step().decode_seqs == (0,)


def test_rows_of_a_stopped_step_count_only_what_completed() -> None:
    rig = Rig(Scripted(two))
    rig.arrive(6, 1)
    rig.step(reached=4)
    assert rig.living == [0]


def test_a_stop_voids_what_was_planned_on_it() -> None:
    rig = Rig()
    rig.arrive(6, 5)
    rig.plan()
    rig.plan()
    rig.plan()
    rig.done(reached=5)
    seq = rig.seq(0)
    assert (seq.in_flight, seq.pending, seq.computed) == (0, 0, 0)
    assert all(flight.revoked for flight in rig.core.roster.flights)
    rig.done(revoked=True)
    rig.done(revoked=True)
    assert rig.step().slabs == (Slab(0, 0, 6, 5, 8, 1),)
    assert seq.output == 1


def test_a_stop_of_one_that_finished_meanwhile_or_lost_its_kv() -> None:
    rig = Rig()
    for _ in range(4):
        rig.arrive(6, 5)
    rig.plan()
    rig.cancel(0)
    rig.truncate(1, 4)
    rig.core.roster.preempt(rig.seq(2), Fate.RECOMPUTE)
    rig.done(reached=5)
    assert rig.living == [1, 2, 3]
    assert [rig.seq(i).open for i in (1, 2, 3)] == [None, None, Open(0, 6, 5)]
    assert rig.core.roster.open_rows == 6
    assert rig.held_blocks == 2


def test_rows_of_the_gone_and_the_truncated_are_void() -> None:
    rig = Rig()
    rig.arrive(6, 5)
    rig.arrive(6, 5)
    rig.plan()
    rig.cancel(0)
    rig.truncate(1, 5)
    rig.done(Row(0, keys=(1,), finish=Finish.STOP), Row(1, keys=(1,), finish=Finish.STOP), Row(77))
    assert rig.living == [1]
    assert rig.seq(1).keys == []
    assert rig.core.memory.pools[0].index == {}


def test_a_finish_by_length_needs_no_row() -> None:
    rig = Rig()
    rig.arrive(6, 1)
    seq = rig.seq(0)
    rig.step()
    assert seq.finish is Finish.LENGTH


def test_a_row_says_stop_before_length_does() -> None:
    rig = Rig()
    rig.arrive(6, 1)
    seq = rig.seq(0)
    rig.step(Row(0, finish=Finish.STOP))
    assert seq.finish is Finish.STOP


def test_a_decode_whose_kv_was_dropped_in_flight_counts_its_token_only() -> None:
    rig = Rig()
    rig.arrive(6, 5)
    rig.step()
    rig.plan()
    seq = rig.seq(0)
    rig.core.roster.preempt(seq, Fate.RECOMPUTE)
    rig.done()
    assert (seq.output, seq.done, seq.state) == (2, 0, State.WAITING)


def test_an_open_slab_dropped_in_flight_stays_closed() -> None:
    rig = Rig(Scripted(two))
    rig.arrive(6)
    rig.plan()
    seq = rig.seq(0)
    rig.core.roster.preempt(seq, Fate.RECOMPUTE)
    rig.done()
    assert (seq.settled_open, seq.open, rig.core.roster.open_rows) == (None, None, 0)


def test_full_blocks_are_published_when_their_result_is_handled() -> None:
    rig = Rig()
    rig.arrive(9, 5, prefix=40)
    rig.plan()
    assert rig.core.memory.pools[0].index == {}
    rig.done()
    assert list(rig.core.memory.pools[0].index) == [40, 41]


def test_a_failed_step_is_not_published() -> None:
    rig = Rig()
    rig.arrive(9, 5, prefix=40)
    rig.step(failed=True)
    assert rig.core.memory.pools[0].index == {}
    assert rig.living == []


def test_decodes_publish_and_slide_as_they_go() -> None:
    from tests.core.rig import FULL, WINDOW

    rig = Rig(groups=(FULL, WINDOW))
    rig.arrive(7, 9)
    rig.step(Row(0, keys=(60,)))
    assert [list(pool.index) for pool in rig.core.memory.pools] == [[60], [60]]
    rig.step(Row(0, keys=(61,)))
    assert [list(pool.index) for pool in rig.core.memory.pools] == [[60, 61], [60, 61]]
    assert rig.seq(0).tables[1].count(-1) == 0
    rig.step()
    assert rig.seq(0).tables[1].count(-1) == 1
