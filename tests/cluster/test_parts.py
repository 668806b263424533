"""The small parts of a fleet: wire, meter, prefix, timeline, course."""

from __future__ import annotations

from doubletime.cluster.course import Course, Leg
from doubletime.cluster.meter import Decaying, Meter
from doubletime.cluster.prefix import cached_prefix
from doubletime.cluster.timeline import Timeline
from doubletime.cluster.wire import Wire
from doubletime.core.events import Request, Result
from doubletime.core.memory import Memory
from doubletime.core.plan import Plan
from doubletime.core.sequence import Sequence
from doubletime.core.vocabulary import SECOND, SLO, GroupKind, KVGroup, Slab
from doubletime.hardware.links import Link
from tests.cluster.rig import GROUP, MS, Town, limits, one_by_one, workload


def test_a_way_out_and_a_way_in_are_each_used_by_one_transfer_at_a_time() -> None:
    wire = Wire(lambda tokens: tokens, lambda source, target: Link(1.0, 0.5))
    assert wire.send(0, 1, 2, 0) == 2.5 * SECOND
    assert wire.send(0, 2, 1, 0) == 4 * SECOND, "behind the first, out of 0"
    assert wire.send(3, 1, 1, 0) == 4 * SECOND, "behind the first, into 1"
    assert wire.send(1, 0, 1, 0) == 1.5 * SECOND, "the other way round nothing is on its way"
    assert wire.arrives(0, 1, 1, 10 * SECOND) == 11.5 * SECOND


# ---- meter


def test_a_meter_counts_what_is_sent_and_not_computed() -> None:
    meter = Meter(256)
    meter.sent(Request(1, 100, 5), 32)
    meter.sent(Request(2, 50, 5), 0)
    assert meter.tokens == 68 + 50
    _step(meter, 0, Slab(1, 32, 60, 0, 8))
    assert meter.tokens == 8 + 50
    _step(meter, 1, Slab(1, 92, 8, 0, 4), Slab(2, 16, 34, 0, 8, 1))
    assert meter.tokens == 8, "half of the depth is not done; a hit of 16 tokens is"
    meter.ended(1, 100, 0)
    meter.ended(2, 50, 0)
    assert meter.tokens == 0


def test_a_meter_knows_nothing_before_it_has_seen_some_steps_and_then_predicts_them() -> None:
    meter, now = Meter(256), 0
    for step in range(60):
        tokens = 50 + step * 37 % 200
        meter.sent(Request(step, tokens, 1), 0)
        assert (meter.wait(100, 0, now, None, 10_000) is None) == (step < 8)
        took = 5 * MS + tokens * 50_000
        now += took
        _step(meter, step, Slab(step, 0, tokens, 0, 8, 1), now=now - took, took=took)
    wait = meter.wait(100, 0, now, None, 10_000)
    assert wait is not None
    assert abs(wait - 10 * MS) < MS
    queued = meter.wait(1000, 0, now, None, 10_000)
    assert queued is not None
    assert queued > 5 * wait, "four steps of 256"


def test_who_is_short_of_memory_waits_for_others_to_end() -> None:
    meter = Meter(256)
    for step in range(9):
        meter.sent(Request(step, 100, 1), 0)
        _step(meter, step, Slab(step, 0, 100, 0, 8, 1), now=step * 10 * MS, took=10 * MS)
    now = 20 * SECOND
    plenty = meter.wait(100, 0, now, None, 10_000)
    assert plenty is not None
    assert meter.wait(100, 0, now, None, 50) == plenty, "nobody has ended yet: nothing is known of that"
    meter.ended(0, 1000, now)
    assert meter.wait(100, 0, now, None, 50) == SECOND, "1,000 tokens in 20 s; 50 are short"
    assert meter.wait(50, 50, now, None, 50) == SECOND, "cached blocks are among those that are free"
    meter.sent(Request(50, 500, 1), 0)
    assert meter.homeless == 500
    assert meter.wait(100, 0, now, None, 50) == 11 * SECOND, "the queue takes its memory first"


def test_a_decaying_sum_tells_the_rate_of_late() -> None:
    rate = Decaying(10)
    assert rate.time(5, 0) == 0
    rate.add(100, 0)
    assert rate.time(50, 0) == 5
    assert rate.time(0, 0) == rate.time(-5, 0) == 0
    assert rate.time(50, 10) == int(5 * 2.71828), "it forgets"


def _step(meter: Meter, step: int, *work: Slab, now: int = 0, took: int = MS) -> None:
    town = Town(workload(1))
    meter.plan(town.plant.made[0].scheduler, Plan(step, now, work=work, depth=8))
    meter.result(Result(now + took, step, took))


def test_predictions_come_near_what_happens() -> None:
    town = Town(workload(80, rate=20.0), router="least-ttft")
    town.fleet.run()
    replica = town.plant.made[0]
    wait = replica.wait(200, 0, town.fleet.line.now)
    assert wait is not None
    assert abs(wait - (5 * MS + 200 * 50_000)) < 4 * MS


# ---- prefix


def test_a_cached_prefix_is_found_to_the_block_and_short_of_the_last_token() -> None:
    memory, request = Memory(limits()), Request(0, 200, 5, keys=tuple(range(100, 112)))
    assert cached_prefix(memory, request) == 0
    _compute(memory, request, 100)
    assert cached_prefix(memory, request) == 96
    assert cached_prefix(memory, Request(1, 96, 5, keys=request.keys[:6])) == 80
    assert cached_prefix(memory, Request(1, 200, 5, keys=request.keys[:3])) == 48
    assert cached_prefix(memory, Request(1, 200, 5, keys=(*request.keys[:2], 7))) == 32
    assert cached_prefix(memory, Request(1, 200, 5, keys=request.keys, take_hits=False)) == 0


def test_windows_are_left_out_and_groups_agree() -> None:
    groups = (GROUP, KVGroup((1,), GroupKind.WINDOW, 16, 16, window=32), KVGroup((2,), GroupKind.LATENT, 32, 32))
    memory, request = Memory(limits(groups=groups)), Request(0, 200, 5, keys=tuple(range(12)))
    _compute(memory, request, 112)
    assert cached_prefix(memory, request) == 96


def _compute(memory: Memory, request: Request, tokens: int) -> None:
    seq = Sequence(request.id, request, 0, len(memory.groups))
    memory.extend(seq, memory.missing([0] * len(memory.groups), tokens, 0))
    seq.done = seq.computed = tokens
    memory.tend(seq)


# ---- course


def test_what_is_left_of_a_request() -> None:
    request = Request(5, 100, 20, keys=(1, 2), slo=SLO(7, 8))
    course = Course(request, 0)
    assert course.rest(77) is request, "the first engine gets it as it came"
    course.legs.append(Leg(5, None))  # type: ignore[arg-type]
    assert course.rest(77) == Request(77, 100, 20, keys=(1, 2), slo=SLO(7, 8)), "it had no token yet"
    seq = Sequence(5, request, 0, 1)
    seq.output, seq.first, seq.last, seq.first_slab = 3, 10, 30, 4
    course.end_leg(seq)
    assert course.rest(78) == Request(78, 103, 17, keys=(1, 2), slo=SLO(None, 8))
    assert (course.first_slab, course.first, course.last, course.left) == (4, 10, 30, 17)


# ---- timeline


def test_the_fleet_acts_before_replicas_do() -> None:
    """At 10 ms the only step ends; what the fleet does at that time comes first."""
    town = Town(one_by_one((0, 100, 1)))
    seen: list[int] = []
    for time in (10 * MS, 10 * MS + 1):
        town.fleet.line.at(time, lambda: seen.append(len(town.traffic.courses)))
    town.fleet.run()
    assert seen == [0, 1]


def test_actions_at_one_time_keep_their_order() -> None:
    line, seen = Timeline(), list[int]()
    for number in range(5):
        line.at(3, lambda number=number: seen.append(number))  # type: ignore[misc]
    while line.due is not None:
        line.act()
    assert seen == [0, 1, 2, 3, 4]
    assert line.now == 3
    assert not line.turn_before(None)
