"""KV that comes from elsewhere: a sequence whose first tokens need no computing."""

from __future__ import annotations

import pytest

from doubletime.core.policy import Policy, StepView
from doubletime.core.vocabulary import Fate, Slab
from tests.core.rig import FULL, WINDOW, Rig, Scripted


def test_computing_starts_behind_it_with_blocks_for_all() -> None:
    rig = Rig()
    seq = rig.arrive(10, 3, preloaded=7)
    plan = rig.step()
    assert plan.work == (Slab(seq, 7, 3, 0, 8, 1),)
    assert [len(change.blocks) for change in plan.tables] == [3]
    assert rig.seq(seq).done == 10
    rig.steps(2)
    assert rig.held_blocks == 0


def test_all_but_the_last_token_is_the_decode_side_of_a_handoff() -> None:
    rig = Rig()
    seq = rig.arrive(11, 2, preloaded=10)
    assert rig.step().work == (Slab(seq, 10, 1, 0, 8, 1),)
    assert rig.step().decode_starts == (11,)
    assert not rig.living


def test_a_longer_hit_is_better_and_a_shorter_one_is_shared() -> None:
    rig = Rig()
    rig.arrive(12, 1, prefix=100)
    rig.step()
    longer, shorter = rig.arrive(12, 3, prefix=100, preloaded=5), rig.arrive(16, 3, prefix=100, preloaded=14)
    plan = rig.step()
    assert [(slab.seq, slab.start) for slab in plan.work] == [(longer, 8), (shorter, 14)]
    tables = {change.seq: change.blocks for change in plan.tables}
    assert tables[longer][:2] == tables[shorter][:2], "two cached blocks"
    assert rig.held_blocks == 3 + 4 - 2, "each has a third of its own"


def test_it_is_published_like_what_is_computed() -> None:
    rig = Rig()
    rig.arrive(13, 1, prefix=100, preloaded=12)
    rig.step()
    follower = rig.arrive(13, 1, prefix=100)
    assert rig.step().work[0] == Slab(follower, 12, 1, 0, 8, 1)


def test_nothing_of_it_is_cached_before_a_step_has_run_on_it() -> None:
    rig = Rig(seats=2)
    rig.arrive(13, 1, prefix=100, preloaded=12)
    rig.plan()
    follower = rig.arrive(13, 1, prefix=100)
    assert rig.plan().work[0] == Slab(follower, 0, 13, 0, 8, 1)
    rig.done()
    rig.done()
    assert rig.held_blocks == 0


def test_who_loses_it_computes_it_again() -> None:
    rig = Rig()
    seq = rig.arrive(10, 3, preloaded=9)
    rig.step()
    assert rig.core.memory.pools[0].held == 3
    rig.core.roster.preempt(rig.seq(seq), Fate.RECOMPUTE)
    assert rig.held_blocks == 0
    assert rig.step().work == (Slab(seq, 0, 11, 0, 8, 1),)


def test_who_is_held_keeps_it() -> None:
    rig = Rig()
    seq = rig.arrive(10, 3, preloaded=9)
    rig.step()
    rig.core.roster.preempt(rig.seq(seq), Fate.HOLD)
    assert rig.step().decode_starts == (10,)


def test_a_step_that_was_stopped_before_it_ran_leaves_it_there() -> None:
    rig = Rig()
    rig.arrive(8, 2)
    rig.plan()
    seq = rig.arrive(10, 3, preloaded=9)
    rig.plan()
    rig.done(reached=4)
    rig.done(revoked=True)
    assert rig.seq(seq).done == 9
    assert Slab(seq, 9, 1, 0, 8, 1) in rig.step().work


def test_nothing_runs_before_it_has_arrived() -> None:
    rig = Rig()
    seq = rig.arrive(10, 3, preloaded=9, ready=False)
    assert rig.plan().idle
    assert rig.held_blocks == 0
    rig.ready(seq)
    assert rig.step().work == (Slab(seq, 9, 1, 0, 8, 1),)


def test_without_memory_it_waits() -> None:
    rig = Rig(blocks=4)
    rig.arrive(12, 4)
    rig.step()
    seq = rig.arrive(10, 3, preloaded=9)
    assert not rig.plan().work
    rig.done()
    rig.steps(2)
    assert rig.step().work == (Slab(seq, 9, 1, 0, 8, 1),)


def test_windows_take_only_the_blocks_that_they_still_read() -> None:
    rig = Rig(groups=(FULL, WINDOW), blocks=(6, 4))
    seq = rig.arrive(20, 3, preloaded=18)
    plan = rig.step()
    assert plan.work == (Slab(seq, 18, 2, 0, 8, 1),)
    full, window = (change.blocks for change in plan.tables)
    assert len(full) == 5
    assert -1 not in full
    assert window[:3] == (-1, -1, -1), "position 18 reads from position 13 on"
    assert -1 not in window[3:]
    rig.steps(2)
    assert rig.held_blocks == 0


def test_a_policy_sees_it_as_a_hit() -> None:
    seen: list[int] = []

    def compose(step: StepView) -> None:
        for seq in step.waiting():
            seen.append(step.hit(seq))
            step.run(seq, 1)

    rig = Rig(Scripted(compose))
    rig.arrive(10, 1, preloaded=7)
    assert rig.step().work[0] == Slab(0, 7, 1, 0, 8)
    assert seen == [7]


def test_a_cut_prompt_has_no_more_than_is_left_of_it() -> None:
    rig = Rig(Policy())
    seq = rig.arrive(10, 3, preloaded=9)
    rig.truncate(seq, 6)
    rig.append(seq, 3, final=True)
    assert rig.step().work == (Slab(seq, 5, 4, 0, 8, 1),)


def test_choices_share_it() -> None:
    rig = Rig()
    first = rig.arrive(10, 2, n=2, preloaded=9)
    assert rig.step().work == (Slab(first, 9, 1, 0, 8, 1),)
    assert Slab(first + 1, 9, 1, 0, 8, 1) in rig.step().work


@pytest.mark.parametrize("fields", [{"preloaded": 10}, {"preloaded": -1}, {"preloaded": 5, "take_hits": False}])
def test_what_cannot_be_honoured_is_refused(fields: dict[str, int]) -> None:
    rig = Rig()
    rig.arrive(10, 3, **fields)
    ((_, reason),) = rig.core.take_refused()
    assert reason.startswith(f"{fields['preloaded']} tokens cannot be preloaded of a prompt of 10")
    assert not rig.living
