"""What the plans tell, checked against sequences whose history is known."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from doubletime.core.events import Arrive, Event, Request
from doubletime.core.loop import Engine
from doubletime.core.scheduler import Scheduler
from doubletime.core.virtual import VirtualSource
from doubletime.core.vocabulary import SECOND, DepthMap, GroupKind, KVGroup, Limits
from doubletime.executors.scripted import ScriptedExecutor
from doubletime.lab.observer import Observer, Recorders

MS = SECOND // 1000


def observe(events: Iterable[Event], blocks: int, in_flight: int = 1) -> tuple[Observer, Engine]:
    limits = Limits((KVGroup((0,), GroupKind.FULL, 16, 1),), (blocks,), DepthMap(1), max_rows=512)
    source, observer, other = VirtualSource(events), Observer(), Observer()
    engine = Engine(
        Scheduler(limits), ScriptedExecutor(limits, source), source,
        in_flight=in_flight, recorder=Recorders(observer, other),
    )  # fmt: skip
    engine.run()
    assert observer.facts() == other.facts()
    return observer, engine


def test_hits_are_counted_once_a_request_and_waits_end_with_the_first_slab() -> None:
    keys = tuple(range(100, 104))
    arrivals = [Arrive(0, Request(0, 64, 3, keys=keys)), Arrive(10 * MS, Request(1, 80, 3, keys=(*keys, 200)))]
    observer, engine = observe(arrivals, blocks=64)
    facts = observer.facts(planning_ns=engine.steps * 7000)
    assert facts.prefix_hit_rate == pytest.approx(64 / 144)
    assert (facts.preemptions, facts.recomputed_tokens, facts.rehit_rate) == (0, 0, None)
    assert facts.steps == engine.steps == 6
    assert facts.scheduler_us_per_step == pytest.approx(7.0)
    assert observer.first_slabs == {0: 0, 1: 10 * MS}


@pytest.mark.parametrize("in_flight", [1, 2])
def test_what_preemptions_took_is_found_again_or_computed_again(in_flight: int) -> None:
    requests = [Arrive(0, Request(seq, 60, 60, keys=tuple(range(seq * 10, seq * 10 + 3)))) for seq in range(4)]
    observer, _ = observe(requests, blocks=20, in_flight=in_flight)
    facts = observer.facts()
    assert facts.preemptions
    assert facts.recomputed_tokens
    assert facts.rehit_rate is not None
    assert 0 <= facts.rehit_rate < 1
    assert facts.prefix_hit_rate == 0.0
    assert facts.scheduler_us_per_step is None


def test_nothing_that_ran_has_no_rates() -> None:
    observer, _ = observe([], blocks=4)
    assert observer.facts() == Observer().facts()
    assert observer.facts().prefix_hit_rate is None


def test_who_was_on_another_engine_before_counts_as_nobodys_prompt() -> None:
    observer = Observer()
    observer.resumes(1, 40)
    events = [Arrive(0, Request(0, 64, 2)), Arrive(0, Request(1, 65, 2, preloaded=24))]
    limits = Limits((KVGroup((0,), GroupKind.FULL, 16, 1),), (64,), DepthMap(1), max_rows=512)
    source = VirtualSource(events)
    Engine(Scheduler(limits), ScriptedExecutor(limits, source), source, recorder=observer).run()
    facts = observer.facts()
    assert facts.prefix_hit_rate == 0.0, "the hits of the first request alone"
    assert facts.rehit_rate == pytest.approx(24 / 40), "of the 40 tokens that were lost 24 were found again"
    assert (facts.recomputed_tokens, facts.preemptions) == (16, 0)
