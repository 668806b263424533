"""Replicas that die: nothing is lost, and what was seen stays seen."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from doubletime.cluster.fleet import Failure
from doubletime.core.vocabulary import SECOND
from tests.cluster.rig import BOTH, DECODE, MS, PREFILL, Town, one_by_one, workload


def test_a_request_goes_on_elsewhere_from_its_last_token() -> None:
    town = Town(one_by_one((0, 100, 50)), failures=(Failure(0, SECOND // 10),))
    found = town.run()
    course = town.traffic.courses[0]
    assert [leg.replica.index for leg in course.legs] == [0, 1]
    done = course.legs[0].output
    assert 10 < done < 20
    assert course.legs[1].output == 50 - done
    assert course.first == 10 * MS, "the first token keeps its time"
    assert found["recomputed_tokens"] == 100 + done - 1, "all but the last token had KV"
    assert found["itl_s"]["max"] * SECOND > course.breaks()[0] - 1000, "the gap is counted"


def test_who_has_not_run_yet_only_waits_longer() -> None:
    town = Town(one_by_one((0, 100, 5)), failures=(Failure(0, 0),))
    assert town.run()["recomputed_tokens"] == 0
    assert town.traffic.courses[0].leg.replica.index == 1


def test_a_surviving_copy_is_used() -> None:
    """Replica 1 has served the same prefix: what was lost on 0 is hit there."""
    work = workload(40, topics=1, rate=10.0, output=60)
    found = Town(work, router="round-robin", failures=(Failure(0, 2 * SECOND),)).run()
    assert found["rehit_rate"] > 0.2


def test_with_nobody_left_requests_wait_for_the_one_that_comes_back() -> None:
    town = Town(one_by_one((0, 100, 20), (1, 100, 20)), roles=(BOTH,), failures=(Failure(0, SECOND // 20, 3 * SECOND),))
    found = town.run()
    assert found["requests"]["completed"] == 2
    assert found["queue_s"]["max"] > 2, "waiting for a replica is waiting"


def test_with_nobody_left_for_good_they_are_refused() -> None:
    town = Town(one_by_one((0, 100, 20), (1, 100, 20)), roles=(BOTH,), failures=(Failure(0, SECOND // 20),))
    assert town.run()["requests"] == {"sent": 2, "completed": 0, "failed": 0, "refused": 2, "cancelled": 0}


def test_a_place_that_is_empty_cannot_fail_twice() -> None:
    failures = (Failure(0, SECOND // 10), Failure(0, SECOND // 5), Failure(0, SECOND // 4, SECOND // 4))
    town = Town(workload(40), failures=failures)
    assert town.run()["requests"]["completed"] == 40
    assert [(member.index, member.began) for member in town.fleet.crew.history] == [(0, 0), (1, 0), (0, SECOND // 2)]


def test_a_place_that_never_was_cannot_fail() -> None:
    town = Town(workload(10), failures=(Failure(7, SECOND // 10, 1),))
    assert town.run()["requests"]["completed"] == 10
    assert len(town.fleet.crew.history) == 2


def test_devices_are_counted_while_they_live() -> None:
    town = Town(workload(40), failures=(Failure(0, SECOND, SECOND),))
    town.run()
    first, second, third = town.fleet.crew.history
    assert (first.began, first.ended) == (0, SECOND)
    assert (third.began, third.ended, third.index) == (2 * SECOND, None, 0)
    assert second.ended is None


deaths = st.lists(
    st.builds(
        Failure,
        st.integers(0, 3),
        st.integers(0, 3 * SECOND),
        st.one_of(st.none(), st.integers(0, SECOND)),
    ),
    max_size=6,
)


@settings(max_examples=30)
@given(
    failures=deaths,
    roles=st.sampled_from([(BOTH,) * 4, (PREFILL, DECODE, PREFILL, DECODE)]),
    router=st.sampled_from(["round-robin", "least-ttft", "kv-aware"]),
    blocks=st.sampled_from([40, 400]),
    seed=st.integers(0, 5),
)
def test_none_is_lost_whoever_dies(failures, roles, router, blocks, seed) -> None:  # type: ignore[no-untyped-def]
    town = Town(
        workload(40, output=60, seed=seed), roles=roles, router=router, blocks=blocks, failures=tuple(failures),
        handoff=300_000, jitter=0.1,
    )  # fmt: skip
    found = town.run()
    assert found["requests"]["sent"] == 40
    survivors = {member.role for member in town.fleet.crew.history if member.ended is None}
    if survivors >= set(roles):
        assert found["requests"]["completed"] == 40
    for course in town.traffic.courses.values():
        times = [time for leg in course.legs if leg.output for time in (leg.first, leg.last)]
        assert times == sorted(times), "tokens come in order"
        assert course.output == sum(leg.output for leg in course.legs)
