"""Fast-forward changes nothing: a fleet that leaps and one that takes every step give the same result."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubletime.cluster.fleet import Failure
from doubletime.cluster.routers import ROUTERS
from doubletime.core.vocabulary import SECOND
from tests.cluster.rig import BOTH, DECODE, PREFILL, Town, workload

PAIRS = (PREFILL, PREFILL, DECODE, DECODE)
DEATHS = (Failure(0, SECOND, SECOND), Failure(2, 2 * SECOND, SECOND // 2))


@pytest.mark.parametrize("router", ROUTERS)
def test_every_router_places_alike(router: str) -> None:
    _same(router=router, roles=(BOTH,) * 3)


@pytest.mark.parametrize(
    "town",
    [
        {"roles": PAIRS},
        {"roles": PAIRS, "handoff": 100_000, "router": "kv-aware"},
        {"roles": PAIRS, "blocks": 60},
        {"roles": PAIRS, "failures": DEATHS},
        {"roles": (BOTH,) * 3, "failures": DEATHS, "router": "kv-aware"},
        {"roles": (BOTH,), "scaler": "outstanding:target=4,up=0,down=1"},
        {"roles": (BOTH,), "scaler": "queue-delay:target=0.1,up=0,down=1", "router": "least-ttft"},
        {"roles": (BOTH,) * 3, "blocks": 60, "router": "least-ttft"},
        {"roles": (BOTH,) * 3, "policy": "sarathi:budget=64", "router": "prefix-aware"},
        {"roles": (BOTH,) * 2, "policy": "flow:ttft=0.05"},
    ],
    ids=str,
)
def test_so_does_every_kind_of_fleet(town: dict[str, Any]) -> None:
    _same(**town)


@settings(max_examples=20)
@given(
    roles=st.sampled_from([(BOTH,) * 3, PAIRS]),
    router=st.sampled_from(sorted(ROUTERS)),
    policy=st.sampled_from(["fcfs", "sarathi:budget=64", "priority"]),
    blocks=st.sampled_from([40, 60, 400]),
    handoff=st.sampled_from([1, 200_000, 1 << 40]),
    deaths=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2 * SECOND), st.integers(0, SECOND)), max_size=2),
    jitter=st.sampled_from([0.0, 0.1]),
    rate=st.sampled_from([20.0, 100.0, 1e9]),
)
def test_random_fleets_leap_exactly(roles, router, policy, blocks, handoff, deaths, jitter, rate) -> None:  # type: ignore[no-untyped-def]
    failures = tuple(Failure(index, at, back) for index, at, back in deaths)
    _same(
        roles=roles, router=router, policy=policy, blocks=blocks, handoff=handoff, failures=failures,
        jitter=jitter, rate=rate, requests=40,
    )  # fmt: skip


def test_ties_are_in_the_order_of_the_index() -> None:
    """Without jitter, and with equal requests, many things happen at the same nanosecond."""
    _same(roles=PAIRS, jitter=0.0, requests=64, rate=1e9, prompt=32, output=8)


def _same(
    jitter: float = 0.05, requests: int = 80, rate: float = 40.0, prompt: int = 300, output: int = 60, **town: Any
) -> None:
    work = workload(requests, rate=rate, prompt=prompt, output=output)
    results = [Town(work, leaps=leaps, jitter=jitter, **town).run() for leaps in (True, False)]
    assert results[0] == results[1]
    assert results[0]["requests"]["completed"] == requests
