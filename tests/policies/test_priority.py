from __future__ import annotations

from doubletime.policies import load
from doubletime.policies.priority import Priority
from tests.core.rig import Rig


def test_smaller_values_go_first_and_ties_to_the_earlier() -> None:
    rig = Rig(Priority(), seats=1, rows=8, open_rows=8)
    for priority in (2, 0, 1, 0):
        rig.arrive(4, 1, priority=priority)
    assert [rig.step().work[0].seq for _ in range(4)] == [1, 3, 2, 0]


def test_the_worst_gives_way_to_a_better_one_that_runs() -> None:
    rig = Rig(*load("sarathi+priority"), blocks=4)
    rig.arrive(4, 9, priority=5)
    rig.arrive(4, 9, priority=1)
    plans = rig.steps(6)
    assert [gone.seq for plan in plans for gone in plan.preempted] == [0]


def test_a_worse_one_never_takes_from_a_better() -> None:
    rig = Rig(*load("fcfs+priority"), blocks=4)
    rig.arrive(4, 9, priority=1)
    rig.arrive(4, 9, priority=5)
    plans = rig.steps(6)
    assert [gone.seq for plan in plans for gone in plan.preempted] == [1]


def test_nobody_is_preempted_for_one_who_waits() -> None:
    rig = Rig(Priority(), seats=1)
    rig.arrive(4, 5, priority=5)
    rig.step()
    rig.arrive(4, 5, priority=0)
    plans = rig.steps(4)
    assert not any(plan.preempted for plan in plans)
    assert rig.step().work[0].seq == 1


def test_it_promises_no_bound() -> None:
    assert not Priority.bounded
