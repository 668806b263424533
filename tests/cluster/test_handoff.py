"""Prefill here, decode there."""

from __future__ import annotations

import pytest

from doubletime.cluster.fleet import Failure
from doubletime.core.vocabulary import SECOND
from doubletime.hardware.links import Link
from tests.cluster.rig import BOTH, DECODE, MS, PREFILL, TOKEN_BYTES, Town, one_by_one, workload

SLOW = Link(100 * TOKEN_BYTES, 0.0)  # 100 tokens a second


def test_a_request_takes_its_first_token_from_one_replica_and_the_rest_from_another() -> None:
    town = Town(one_by_one((0, 100, 5)), roles=(PREFILL, DECODE), link=SLOW)
    found = town.run()
    course = town.traffic.courses[0]
    assert [(leg.replica.index, leg.output) for leg in course.legs] == [(0, 1), (1, 4)]
    assert course.first == 10 * MS, "a step of 100 prompt tokens"
    assert course.breaks()[0] == SECOND + 5 * MS + 50_000, "the transfer and a step with one row"
    assert found["ttft_s"]["max"] == 0.01
    assert found["itl_s"]["max"] == pytest.approx(1.005, abs=1e-4), "the gap is counted"
    assert found["e2e_s"]["max"] == pytest.approx(0.01 + 1.005 + 3 * 0.0051, abs=1e-4)


def test_a_request_for_one_token_never_leaves_the_prefill_replica() -> None:
    town = Town(one_by_one((0, 100, 1)), roles=(PREFILL, DECODE))
    town.run()
    assert [leg.replica.index for leg in town.traffic.courses[0].legs] == [0]


def test_prompts_are_counted_once() -> None:
    town = Town(workload(40, topics=1), roles=(PREFILL, DECODE))
    alone = Town(workload(40, topics=1), roles=(BOTH,))
    shared, whole = town.run(), alone.run()
    assert shared["prefix_hit_rate"] == pytest.approx(whole["prefix_hit_rate"], abs=0.05)
    assert shared["recomputed_tokens"] == 0
    assert town.observer._prompt_tokens == alone.observer._prompt_tokens


def test_transfers_on_one_link_queue_up() -> None:
    town = Town(one_by_one((0, 100, 2), (0, 100, 2)), roles=(PREFILL, DECODE), link=SLOW)
    town.run()
    first, second = (town.traffic.courses[number].breaks()[0] for number in (0, 1))
    assert second - first == pytest.approx(SECOND, rel=0.01)


def test_what_the_decode_side_has_cached_is_not_sent() -> None:
    work = workload(2, rate=0.1, topics=1, prompt=320, output=30)
    town = Town(work, roles=(PREFILL, DECODE), link=SLOW)
    town.run()
    first, second = (town.traffic.courses[number] for number in (0, 1))
    tokens = second.request.prompt - 160
    assert first.breaks()[0] > first.request.prompt * SECOND // 100
    assert second.breaks()[0] == pytest.approx(tokens * SECOND // 100, rel=0.02)


def test_what_waits_holds_new_requests_back() -> None:
    """Both may prefill at once with a wide handoff; with one of 100 tokens the second waits for the first transfer."""
    jobs = one_by_one((0, 100, 2), (0.5, 100, 2))
    wide = Town(jobs, roles=(PREFILL, DECODE), link=SLOW)
    tight = Town(jobs, roles=(PREFILL, DECODE), link=SLOW, handoff=100 * TOKEN_BYTES)
    assert wide.run()["queue_s"]["max"] == 0
    assert tight.run()["queue_s"]["max"] == pytest.approx(0.51, abs=0.001)


def test_kv_waits_until_the_decode_replica_has_room() -> None:
    """40 blocks hold one sequence of 400 tokens and some, not two."""
    town = Town(one_by_one((0, 400, 50), (0, 400, 50)), roles=(PREFILL, DECODE), blocks=40)
    found = town.run()
    first, second = town.traffic.courses[0], town.traffic.courses[1]
    assert found["preemptions"] == 0
    assert first.last is not None
    assert second.legs[1].first is not None
    assert second.legs[1].first > first.last


def test_it_never_waits_for_ever() -> None:
    """A tiny memory on both sides: everything that can run does."""
    found = Town(workload(40, prompt=300, output=80), roles=(PREFILL, DECODE, DECODE), blocks=26, handoff=1).run()
    assert found["requests"]["completed"] == 40


def test_what_can_never_fit_is_refused() -> None:
    town = Town(one_by_one((0, 600, 50), (0, 620, 40), (0, 100, 5)), roles=(PREFILL, DECODE), blocks=39)
    found = town.run()
    assert found["requests"]["refused"] == 2
    assert "601 prompt + 49 output tokens need 41 KV blocks" in town.traffic.reasons[0]
    assert found["requests"]["completed"] == 1


def test_a_dead_decode_replica_has_its_requests_computed_again_and_those_on_the_way_sent_elsewhere() -> None:
    jobs = one_by_one((0, 100, 80), (0.2, 100, 20))
    link = Link(1000 * TOKEN_BYTES, 0.0)
    town = Town(jobs, roles=(PREFILL, DECODE, DECODE), link=link, failures=(Failure(1, SECOND // 4),))
    found = town.run()
    lost = town.traffic.courses[0]
    assert found["requests"]["completed"] == 2
    assert [leg.replica.index for leg in lost.legs] == [0, 1, 0, 2], "prefill, decode, prefill again, decode elsewhere"
    assert found["recomputed_tokens"] > 100
    assert [leg.replica.index for leg in town.traffic.courses[1].legs] == [0, 2]


def test_a_dead_prefill_replica_takes_the_kv_with_it_that_waits_there() -> None:
    town = Town(
        one_by_one((0, 100, 5)), roles=(PREFILL, PREFILL, DECODE), link=SLOW, failures=(Failure(0, SECOND // 2),)
    )
    found = town.run()
    assert [leg.replica.index for leg in town.traffic.courses[0].legs] == [0, 1, 2]
    assert found["recomputed_tokens"] == 100
    assert found["ttft_s"]["max"] == 0.01, "the first token was there"


def test_with_no_decode_replica_left_what_waits_is_refused() -> None:
    town = Town(one_by_one((0, 100, 50)), roles=(PREFILL, DECODE), failures=(Failure(1, 0),))
    assert town.run()["requests"]["refused"] == 1
    assert town.traffic.reasons == {0: "no replica is left"}


@pytest.mark.parametrize("roles", [(PREFILL, PREFILL), (PREFILL, DECODE, BOTH)])
def test_roles_that_do_not_go_together_are_an_error(roles: tuple) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match="need others that only decode"):
        Town(workload(1), roles=roles)
