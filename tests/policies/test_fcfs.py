from __future__ import annotations

import pytest

from doubletime.core.vocabulary import Slab
from doubletime.policies.fcfs import Fcfs
from tests.core.rig import Rig


def test_decodes_then_started_prompts_then_arrivals_within_one_budget() -> None:
    rig = Rig(Fcfs(budget=8), rows=16)
    rig.arrive(3, 20)
    rig.arrive(7, 20)
    rig.arrive(9, 20)
    assert rig.step().work == (Slab(0, 0, 3, 0, 8, 1), Slab(1, 0, 5, 0, 8, 0))
    plan = rig.step()
    assert plan.decode_seqs == (0,)
    assert plan.work == (Slab(1, 5, 2, 0, 8, 1), Slab(2, 0, 5, 0, 8, 0))
    plan = rig.step()
    assert plan.decode_seqs == (0, 1)
    assert plan.work == (Slab(2, 5, 4, 0, 8, 1),)


def test_the_first_arrival_that_does_not_fit_ends_admission() -> None:
    rig = Rig(Fcfs(), blocks=6)
    rig.arrive(16, 4)
    rig.arrive(12, 4)
    rig.arrive(4, 4)
    plan = rig.step()
    assert [slab.seq for slab in plan.work] == [0]
    assert [denied.seq for denied in plan.denied] == [1]


def test_blocks_grow_by_chunk() -> None:
    rig = Rig(Fcfs(budget=4))
    rig.arrive(16)
    rig.step()
    assert len(rig.seq(0).tables[0]) == 1


def test_decodes_may_fill_the_budget() -> None:
    rig = Rig(Fcfs(budget=2))
    for _ in range(3):
        rig.arrive(1, 20)
    rig.steps(2)
    plans = rig.steps(4)
    assert all(len(plan.decode_seqs) >= 2 for plan in plans)


def test_the_latest_arrival_gives_way() -> None:
    rig = Rig(Fcfs(), blocks=4)
    rig.arrive(4, 9)
    rig.arrive(4, 9)
    plans = rig.steps(6)
    assert [gone.seq for plan in plans for gone in plan.preempted] == [1]
    while rig.living:
        rig.step()


def test_it_is_bounded_and_promises_steady_decodes() -> None:
    assert Fcfs.bounded
    assert Fcfs().steady(None) > 0  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 1"):
        Fcfs(0)
