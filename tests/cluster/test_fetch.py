"""A prefix that is fetched from another replica."""

from __future__ import annotations

from collections.abc import Sequence

from doubletime.cluster.fleet import Failure
from doubletime.cluster.router import Placement, ReplicaView, Router
from doubletime.core.events import Request
from doubletime.core.vocabulary import SECOND, Nanoseconds
from doubletime.hardware.links import Link
from doubletime.lab.workload.content import Blocks, Run
from doubletime.lab.workload.job import Job, Session, Workload
from tests.cluster.rig import TOKEN_BYTES, Town

CONTENT = Blocks(0, (Run(0, 20),))  # 320 tokens
SLOW = Link(128 * TOKEN_BYTES, 0.0)  # 128 tokens a second


class ThenFetch(Router):
    """The first request goes to replica 0, later ones to 1, with what 0 has of them."""

    def place(self, request: Request, replicas: Sequence[ReplicaView], now: Nanoseconds) -> Placement:
        cached = replicas[0].match(request)
        return Placement(replicas[1], replicas[0], cached) if cached else Placement(replicas[0])


def _town(**more: object) -> Town:
    jobs = [Session(0, (Job(320, 4, content=CONTENT),)), Session(SECOND, (Job(320, 4, content=CONTENT),))]
    town = Town(Workload("twice", lambda: iter(jobs), requests=2), router="kv-aware", link=SLOW, **more)  # type: ignore[arg-type]
    town.fleet._dispatcher._router = ThenFetch()
    return town


def test_the_prefix_is_not_computed_again_but_waited_for() -> None:
    town = _town()
    found = town.run()
    first, second = (town.traffic.courses[number] for number in (0, 1))
    assert [course.leg.replica.index for course in (first, second)] == [0, 1]
    assert found["prefix_hit_rate"] == 304 / 640, "all but the last block of the second prompt"
    assert second.first_slab == SECOND + 304 * SECOND // 128
    assert second.first is not None
    assert second.first_slab is not None
    assert second.first - second.first_slab < 7_000_000, "16 tokens were left to compute"


def test_it_is_cached_in_both_places_then() -> None:
    town = _town()
    town.fleet.run()
    request = Request(9, 320, 4, keys=CONTENT.keys(320))
    assert [replica.match(request) for replica in town.plant.made] == [304, 304]


def test_if_its_holder_dies_on_the_way_the_request_starts_again() -> None:
    town = _town(failures=(Failure(0, 2 * SECOND),))
    found = town.run()
    course = town.traffic.courses[1]
    assert found["requests"]["completed"] == 2
    assert [leg.replica.index for leg in course.legs] == [1, 1]
    assert course.first_slab == 2 * SECOND
