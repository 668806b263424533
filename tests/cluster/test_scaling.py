from __future__ import annotations

import pytest

from doubletime.cluster.scaling import Load, Patience, load_scaler
from doubletime.core.vocabulary import SECOND
from tests.cluster.rig import BOTH, Town, one_by_one, workload


def load(replicas: int = 2, idle: int = 0, outstanding: int = 0, oldest: float = 0.0) -> Load:
    return Load(replicas, idle, outstanding, oldest)


def test_outstanding_wants_so_many_that_each_has_its_target() -> None:
    scaler = load_scaler("outstanding:target=10")
    assert [scaler.wanted(load(outstanding=count)) for count in (0, 10, 11, 95)] == [0, 1, 2, 10]


def test_queue_delay_wants_one_more_or_one_less() -> None:
    scaler = load_scaler("queue-delay:target=0.5")
    assert scaler.wanted(load(oldest=0.6)) == 3
    assert scaler.wanted(load(oldest=0.4)) == 2
    assert scaler.wanted(load(oldest=0.4, idle=1)) == 1


def test_a_wish_must_last() -> None:
    patience = Patience(load_scaler("outstanding:target=1,up=2,down=3"))
    seconds = [patience.change(load(outstanding=5), second * SECOND) for second in range(4)]
    assert seconds == [0, 0, 3, 0]
    patience = Patience(load_scaler("outstanding:target=1,up=2,down=3"))
    wishes = [5, 5, 2, 5, 5, 5]
    assert [patience.change(load(outstanding=wish), at * SECOND) for at, wish in enumerate(wishes)] == [0] * 5 + [3]
    assert [patience.change(load(outstanding=1), (9 + at) * SECOND) for at in range(4)] == [0, 0, 0, -1]


def test_a_wish_has_bounds() -> None:
    patience = Patience(load_scaler("outstanding:target=1,least=2,most=3,up=0,down=0"))
    assert patience.change(load(outstanding=50), 0) == 1
    assert patience.change(load(outstanding=0), SECOND) == 0


@pytest.mark.parametrize("knobs", ["target=0", "least=0", "least=3,most=2", "up=-1"])
def test_knobs_out_of_range_are_an_error(knobs: str) -> None:
    with pytest.raises(ValueError, match="scaler outstanding: target is above 0"):
        load_scaler(f"outstanding:{knobs}")


def test_a_fleet_grows_under_load_and_shrinks_after_it() -> None:
    town = Town(workload(200, rate=80.0), roles=(BOTH,), scaler="outstanding:target=4,most=4,up=0,down=1")
    town.fleet.run()
    history = town.fleet.crew.history
    assert len(history) >= 4
    served = {course.leg.replica.index for course in town.traffic.courses.values()}
    assert served == {0, 1, 2, 3}


def test_a_new_replica_serves_when_it_has_loaded() -> None:
    town = Town(workload(900, rate=200.0), roles=(BOTH,), scaler="outstanding:target=4,most=2,up=0,load=1.5")
    town.fleet.run()
    member = town.fleet.crew.history[1]
    firsts = [leg.first for course in town.traffic.courses.values() for leg in course.legs if leg.replica.index == 1]
    assert member.began == SECOND
    assert min(first for first in firsts if first) > 2.5 * SECOND


def test_a_replica_that_leaves_ends_what_it_has() -> None:
    """Two long requests; the second replica is no longer wanted when the short ones have ended."""
    jobs = one_by_one((0, 100, 900), (0, 100, 900), (0, 100, 5), (0, 100, 5))
    town = Town(jobs, roles=(BOTH, BOTH), router="round-robin", scaler="outstanding:target=2,up=0,down=0")
    found = town.run()
    leaver = town.fleet.crew.history[1]
    assert found["requests"]["completed"] == 4
    assert leaver.ended == town.traffic.courses[1].last
    assert leaver.ended is not None
    assert leaver.ended > 2 * SECOND


def test_a_replica_that_was_to_leave_stays_if_it_is_wanted_again() -> None:
    jobs = one_by_one((0, 100, 900), (0, 100, 900), *((2.5 + at / 100, 100, 200) for at in range(8)))
    town = Town(jobs, roles=(BOTH, BOTH), router="round-robin", scaler="outstanding:target=2,up=0,down=0,most=2")
    assert town.run()["requests"]["completed"] == 10
    assert len(town.fleet.crew.history) == 2


def test_queue_delay_helps() -> None:
    work = workload(900, rate=150.0)
    fixed = Town(work, roles=(BOTH,)).run()["ttft_s"]["p90"]
    scaled = Town(work, roles=(BOTH,), scaler="queue-delay:target=0.2,up=0,load=0.5").run()["ttft_s"]["p90"]
    assert scaled < fixed / 2
