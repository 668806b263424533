"""Random worlds of fixed seeds, every built-in policy: the conformance suite as a regression test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from doubletime.core.events import Result
from doubletime.core.plan import Plan
from doubletime.core.vocabulary import Slab
from doubletime.lab.conformance import draw_world, live, parts_of
from doubletime.lab.world import replay

SPECS = ("fcfs", "fcfs:budget=5", "priority", "sarathi:tbt=0.001+priority", "layered:per_group=3,batch=12",
         "flow:ttft=0.003")  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_a_random_world_ends_with_nothing_lost_and_replays(seed: int) -> None:
    spec = SPECS[seed // 2 % len(SPECS)]
    world = draw_world(spec, seed)
    live(world, Random(seed))
    assert not [plan.fault for plan in world.tape.plans if plan.fault and "planned nothing" not in plan.fault]
    assert replay(world, parts_of(spec, seed)) == world.tape.plans


def test_random_worlds_reach_what_they_are_for() -> None:
    seen: Counter[str] = Counter()
    for seed in range(60, 100):
        world = draw_world(SPECS[seed // 2 % len(SPECS)], seed)
        live(world, Random(seed))
        plans, events = world.tape.plans, [event for _, event in world.tape.events]
        seen.update(event.kind for event in events)
        seen["stopped"] += sum(isinstance(event, Result) and event.reached is not None for event in events)
        seen["revoked"] += sum(isinstance(event, Result) and event.revoked for event in events)
        seen["refused"] += len(world.source.refusals)
        seen["copies"] += sum(len(plan.copies) for plan in plans)
        seen["decodes"] += sum(len(plan.decode_seqs) for plan in plans)
        seen["part of the depth"] += sum(slab.bottom < plan.depth for plan in plans for slab in plan.work)
        seen["hits"] += sum(slab.start > 0 and slab.seq not in before for before, slab in _first_slabs(plans))
        seen.update(f"preempted to {gone.fate.value}" for plan in plans for gone in plan.preempted)
    least = {
        "arrive": 100, "append": 20, "cancel": 20, "truncate": 5, "ready": 20, "result": 500, "stopped": 5,
        "revoked": 1, "refused": 10, "copies": 5, "decodes": 500, "part of the depth": 20, "hits": 20,
        "preempted to recompute": 20,
    }  # fmt: skip
    assert not {what: seen[what] for what, count in least.items() if seen[what] < count}


def _first_slabs(plans: list[Plan]) -> Iterator[tuple[set[int], Slab]]:
    """Each slab with the sequences that had one before."""
    before: set[int] = set()
    for plan in plans:
        for slab in plan.slabs:
            yield before, slab
            before.add(slab.seq)
