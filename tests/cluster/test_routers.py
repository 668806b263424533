from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest

from doubletime.cluster.router import Placement, ReplicaView, Router
from doubletime.cluster.routers import ROUTERS, load_router
from doubletime.cluster.routers.kv_aware import KVAware
from doubletime.core.events import Request
from doubletime.core.vocabulary import Nanoseconds
from tests.cluster.rig import BOTH, MS, Town, workload

REQUEST = Request(0, 1000, 10)


@dataclass
class View:
    """A replica as a router sees it. A token takes `pace`; fetching one takes `hop`."""

    index: int
    outstanding: int = 0
    cached: int = 0
    queued_tokens: int = 0
    pace: Nanoseconds | None = MS
    hop: Nanoseconds = MS // 100
    running: int = 0
    free_blocks: int = 0
    asked: list[str] = field(default_factory=list)

    def match(self, request: Request) -> int:
        self.asked.append("match")
        return self.cached

    def wait(self, tokens: int, start: int, now: Nanoseconds) -> Nanoseconds | None:
        self.asked.append("wait")
        return None if self.pace is None else (self.queued_tokens + tokens) * self.pace

    def fetch_time(self, source: ReplicaView, tokens: int, now: Nanoseconds) -> Nanoseconds:
        return tokens * self.hop


def choice(router: str | Router, *views: View) -> int:
    chosen = load_router(router) if isinstance(router, str) else router
    return chosen.place(REQUEST, views, 0).replica.index


def test_round_robin_goes_round_whoever_is_there() -> None:
    router, views = load_router("round-robin"), [View(0), View(1), View(2)]
    assert [choice(router, *views) for _ in range(4)] == [0, 1, 2, 0]
    assert choice(router, views[2]) == 2


def test_least_outstanding_takes_the_first_of_equals() -> None:
    assert choice("least-outstanding", View(0, 3), View(1, 2), View(2, 2)) == 1


def test_least_ttft_counts_what_is_queued_and_what_is_not_cached() -> None:
    assert choice("least-ttft", View(0, queued_tokens=100), View(1, queued_tokens=900)) == 0
    assert choice("least-ttft", View(0, queued_tokens=100), View(1, queued_tokens=900, cached=900)) == 1
    assert choice("least-ttft", View(0, pace=2 * MS), View(1, queued_tokens=900)) == 1


def test_least_ttft_goes_by_tokens_until_speeds_are_known() -> None:
    assert choice("least-ttft", View(0, queued_tokens=500, pace=None), View(1, pace=None)) == 1


def test_the_longest_prefix_that_was_sent_wins_whatever_the_load() -> None:
    router, views = load_router("longest-prefix"), [View(0), View(1), View(2, 1)]
    sent = [router.place(Request(0, 64, 1, keys=keys), views, 0).replica.index for keys in ((1, 2), (7,), (1, 5, 6))]
    assert sent == [0, 0, 0], "7 went to the first of equals"
    views[0].outstanding = 100
    assert router.place(Request(0, 64, 1, keys=(8, 9)), views, 0).replica.index == 1
    assert router.place(Request(0, 64, 1, keys=(1, 2, 3)), views, 0).replica.index == 0
    assert router.place(Request(0, 64, 1, keys=(8, 2)), views, 0).replica.index == 1, "2 alone is no prefix"
    assert router.place(Request(0, 64, 1, keys=(8, 2)), views[2:], 0).replica.index == 2
    assert router.place(Request(0, 64, 1, keys=(8, 2)), views[1:], 0).replica.index == 1, "equal: by load"
    assert router.place(Request(0, 64, 1), views, 0).replica.index == 1, "nothing shared: by load"


def test_the_guard_leaves_out_who_is_overloaded() -> None:
    holder, idle = View(0, outstanding=20, cached=512), View(1, outstanding=6)
    assert choice("prefix-aware", holder, idle) == 1
    assert choice("prefix-aware:guard=4", holder, idle) == 0
    assert choice("prefix-aware:slack=14", holder, idle) == 0


def test_a_short_prefix_is_not_worth_going_for() -> None:
    assert choice("prefix-aware", View(0, outstanding=1, cached=64), View(1)) == 1
    assert choice("prefix-aware:least=0.05", View(0, outstanding=1, cached=64), View(1)) == 0


def test_a_better_prefix_is_fetched_if_that_is_sooner() -> None:
    holder, idle = View(0, queued_tokens=900, cached=800), View(1)
    assert KVAware().place(REQUEST, (holder, idle), 0) == Placement(idle, holder, 800)
    idle.hop = 10 * MS
    assert KVAware().place(REQUEST, (holder, idle), 0) == Placement(holder)


def test_a_prefix_that_is_little_better_is_not_fetched() -> None:
    holder, other = View(0, queued_tokens=900, cached=800), View(1, cached=600)
    assert KVAware().place(REQUEST, (holder, other), 0) == Placement(other)
    assert KVAware(ratio=1.3).place(REQUEST, (holder, other), 0) == Placement(other, holder, 800)


@pytest.mark.parametrize("name", [name for name, router in ROUTERS.items() if not router.looks])
def test_who_does_not_look_asks_for_no_more_than_counts(name: str) -> None:
    views = [View(0), View(1)]
    choice(name, *views)
    assert not views[0].asked
    assert not views[1].asked


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("best", "no router is named 'best'; there are round-robin, least-outstanding"),
        ("kv-aware:theta=2", "router kv-aware has no knob 'theta'; it has ratio"),
        ("round-robin:a=1", "router round-robin has no knob 'a'; it has none"),
        ("kv-aware:ratio=x", "router kv-aware: ratio takes a number of type float, not 'x'"),
        ("kv-aware:ratio=0.5", "router kv-aware: ratio is 1 or more, not 0.5"),
        ("prefix-aware:guard=0", "router prefix-aware: guard is 1 or more"),
    ],
)
def test_a_wrong_spec_says_what_there_is(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_router(spec)


def test_a_router_that_decides_nothing_is_an_error() -> None:
    with pytest.raises(LookupError, match="router Router places nothing"):
        Router().place(REQUEST, [View(0)], 0)


def test_naive_prefix_routing_collapses_where_all_share_a_prefix_and_the_guard_prevents_it() -> None:
    """The effect that Mooncake's conversation trace shows: its first block is in every request."""
    work = workload(200, rate=150.0, topics=1, pause=1.0)
    ttft, spread = {}, {}
    for router in ("longest-prefix", "prefix-aware", "kv-aware", "least-outstanding"):
        town = Town(work, roles=(BOTH,) * 4, router=router)
        ttft[router] = town.run()["ttft_s"]["mean"]
        counts = Counter(course.leg.replica.index for course in town.traffic.courses.values())
        spread[router] = max(counts.values())
    assert spread["longest-prefix"] == 200
    assert max(spread["prefix-aware"], spread["kv-aware"]) < 100
    assert ttft["longest-prefix"] > 5 * ttft["prefix-aware"]


def test_who_looks_at_prefixes_hits_more() -> None:
    work = workload(150, rate=30.0, topics=12)
    hits = {
        router: Town(work, roles=(BOTH,) * 4, router=router, blocks=150).run()["prefix_hit_rate"]
        for router in ("round-robin", "prefix-aware", "least-ttft", "kv-aware")
    }
    assert min(hits["prefix-aware"], hits["least-ttft"], hits["kv-aware"]) > 1.3 * hits["round-robin"]
