"""What the monitor counts agrees with what happened, and nothing that it keeps grows without bound."""

from __future__ import annotations

import pickle
import random
from dataclasses import fields
from typing import Any

import pytest

from doubletime.core.events import Arrive, Cancel, Event, Request, Row
from doubletime.core.plan import Plan
from doubletime.core.vocabulary import Finish, Slab
from doubletime.engine.monitor import tracks, trail
from doubletime.engine.monitor.histogram import Histogram
from doubletime.engine.monitor.messages import SeqName, Snapshot
from doubletime.policies.flow import Flow
from tests.engine.monitor.rig import MS, Watched


def stops(share: float, seed: int) -> Any:
    """Rows in which some decodes find the end of their output."""
    dice = random.Random(seed)

    def rows(plan: Plan) -> tuple[Row, ...]:
        return tuple(Row(seq, None, Finish.STOP) for seq in plan.decode_seqs if dice.random() < share)

    return rows


def traffic(seed: int, count: int) -> list[Event]:
    """Requests with one to three choices, shared prefixes, and clients that go away."""
    dice, events, number = random.Random(seed), list[Event](), 0
    for _ in range(count):
        prompt, n, time = dice.randint(1, 40), dice.choice((1, 1, 1, 3)), dice.randint(0, 200 * MS)
        keys = tuple(range(dice.choice((100, 200)), 1000))[: prompt // 4]
        events.append(Arrive(time, Request(number, prompt, dice.randint(1, 20), n, keys, 4)))
        if dice.random() < 0.2:
            events.append(Cancel(time + dice.randint(0, 30 * MS), number))
        number += n
    return events


@pytest.mark.parametrize("in_flight", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_the_sums_are_those_of_the_sequences_that_ended(seed: int, in_flight: int) -> None:
    events, rows = traffic(seed, 60), stops(0.02, seed)
    engine = Watched(events, blocks=18, seats=4, in_flight=in_flight, rows_of_a_step=rows)
    snapshot = engine.until(10_000)
    sums, ended = snapshot.tallies, engine.source.ended_seqs
    assert sums.output_tokens == sum(seq.output for seq in ended)
    assert sums.preemptions == sum(seq.preemptions for seq in ended)
    assert sums.preemptions
    firsts = [seq for seq in ended if not seq.choice and seq.first is not None]
    assert sums.prompt_tokens == sum(seq.prompt for seq in firsts)
    assert 0 < sums.cached_tokens < sums.prompt_tokens
    assert sums.ttft.count == len(firsts)
    assert sums.itl.count == sum(max(0, seq.output - 1) for seq in ended)
    assert sum(sums.ended.values()) == 60
    assert sums.steps == len(engine.executor.plans) == sums.step_tokens.count
    assert sums.step_tokens.sum == sum(plan.rows for plan in engine.executor.plans)
    completed = sums.ended["stop"] + sums.ended["length"]
    assert sums.e2e.count == sums.queue.count == sums.output_size.count == completed
    assert_idle(snapshot)


def assert_idle(snapshot: Snapshot) -> None:
    assert (snapshot.live, snapshot.running, snapshot.waiting, snapshot.forking) == (0, 0, 0, 0)
    assert set(snapshot.waiting_for) == {0}
    (row,) = snapshot.kv
    assert row.total == row.cached + row.free


def test_gaps_between_tokens_are_summed_exactly() -> None:
    engine = Watched(traffic(9, 40), blocks=30, seats=3)
    engine.until(10_000)
    gaps = sum(seq.last - seq.first for seq in engine.source.ended_seqs if seq.first is not None)
    assert engine.look().tallies.itl.sum == pytest.approx(gaps / 1e9)


def test_stopped_steps_count_what_they_computed() -> None:
    events = [Arrive(0, Request(0, 30, 5)), Arrive(MS // 3, Request(1, 8, 5, priority=-1))]
    engine = Watched(events, Flow(), rows=64)
    sums = engine.until(1000).tallies
    assert sums.output_tokens == 10
    assert sums.prefill_tokens == pytest.approx(38)


def test_a_request_that_can_never_run_leaves_only_a_count() -> None:
    engine = Watched([Arrive(0, Request(0, 5000, 5)), Arrive(0, Request(1, 5, 5))])
    snapshot = engine.until(1000)
    assert snapshot.tallies.ended == {"stop": 0, "length": 1, "cancel": 0, "error": 0, "refused": 1}
    assert [row.name for row in snapshot.requests] == ["request-1"]
    assert_idle(snapshot)


def test_a_failed_step_ends_its_requests_with_an_error() -> None:
    engine = Watched([Arrive(0, Request(0, 5, 50)), Arrive(0, Request(1, 5, 50))], failing=3)
    snapshot = engine.until(1000)
    assert snapshot.tallies.ended["error"] == 2
    assert {row.finish for row in snapshot.requests} == {"error"}
    assert snapshot.tallies.e2e.count == 0
    assert snapshot.tallies.output_tokens == sum(row.output for row in snapshot.requests) == 6
    assert_idle(snapshot)


def test_a_prompt_that_is_only_read_has_no_output() -> None:
    engine = Watched([Arrive(0, Request(0, 20, 1, generates=False))])
    snapshot = engine.until(1000)
    (row,) = snapshot.requests
    assert (row.output, row.limit, row.prefilled) == (0, 0, 20)
    assert (snapshot.tallies.output_tokens, snapshot.tallies.prompt_tokens) == (0, 20)
    assert snapshot.tallies.ttft.count == snapshot.tallies.output_size.count == 0


def test_the_prefix_hit_is_that_of_the_first_slab() -> None:
    keys = tuple(range(10))
    events = [Arrive(at * MS, Request(i, 40 + at, 40, keys=keys, key_tokens=4)) for i, at in enumerate((0, 4))]
    engine = Watched(events, blocks=26, rows=64)
    engine.until(12)
    assert [engine.request(i).cached for i in (0, 1)] == [0, 40]
    snapshot = engine.until(1000)
    assert snapshot.tallies.preemptions  # and what it found then is no hit
    assert [engine.request(i).cached for i in (0, 1)] == [0, 40]
    assert snapshot.tallies.cached_tokens == 40


def test_a_live_request_tells_its_progress() -> None:
    engine = Watched([Arrive(0, Request(0, 40, 10, priority=3, tenant="t")), Arrive(0, Request(1, 4, 10))], rows=32)
    engine.until(1)
    row = engine.request(0)
    assert (row.state, row.prompt, row.prefilled, row.output, row.limit) == ("running", 40, 32, 0, 10)
    assert (row.blocks, row.priority, row.tenant, row.first, row.tpot) == ((11,), 3, "t", None, None)
    engine.until(6)
    row = engine.request(0)
    assert (row.prefilled, row.output, row.first, row.tpot) == (40, 5, 2 * MS, MS)
    engine.until(1000)
    row = engine.request(0)
    assert (row.state, row.finish, row.ended, row.blocks) == ("finished", "length", 11 * MS, (0,))


def test_held_blocks_are_those_that_no_running_sequence_shares() -> None:
    engine = Watched([Arrive(0, Request(0, 8, 5, final=False)), Arrive(0, Request(1, 8, 50))])
    snapshot = engine.until(5)
    (row,) = snapshot.kv
    assert (row.held, row.total) == (2, row.running + row.held + row.cached + row.free)
    assert engine.request(0).state == "held"


def test_the_last_steps_are_told_with_their_slabs() -> None:
    engine = Watched([Arrive(0, Request(0, 40, 10, 2)), Arrive(2 * MS, Request(2, 4, 10))], in_flight=1)
    snapshot = engine.until(4)
    first = snapshot.steps[0]
    assert (first.step, first.start, first.duration, first.decodes, first.prefill_tokens) == (0, 0, MS, 0, 32)
    assert first.work == (Slab(0, 0, 32, 0, 2, 0),)
    assert snapshot.names == {0: SeqName("request-0", 0), 1: SeqName("request-0", 1), 2: SeqName("request-2", 0)}
    assert [row.step for row in engine.look(after=2).steps] == [3]
    assert [row.start for row in snapshot.steps] == [0, MS, 2 * MS, 3 * MS]


def test_steps_that_decode_the_same_sequences_share_a_row_until_it_is_told() -> None:
    engine = Watched([Arrive(0, Request(0, 4, 100)), Arrive(20 * MS, Request(1, 4, 100))], in_flight=1)
    rows = engine.until(19.5).steps
    assert [(row.step, row.steps, row.duration, row.decode_starts) for row in rows[1:]] == [(18, 18, 18 * MS, (4,))]
    later = engine.until(30).steps[len(rows) :]
    assert later[0].step - later[0].steps == 18  # goes on where the last row ended
    assert [row.decodes for row in later] == [1, 1, 2]  # before, with and after the second prompt
    assert sum(row.steps for row in (*rows, *later)) == later[-1].step + 1


def test_a_wide_step_tells_its_prefills_and_its_first_decodes() -> None:
    load = [Arrive(0, Request(i, 1, 20)) for i in range(80)] + [Arrive(5 * MS, Request(80, 30, 5))]
    snapshot = Watched(load, seats=100, rows=120).until(8)
    (row,) = [row for row in snapshot.steps if row.prefill_tokens == 30]
    assert (row.decodes, len(row.decode_seqs), len(row.work)) == (80, trail.SLABS - 1, 1)


def test_rates_are_of_the_last_seconds() -> None:
    engine = Watched([Arrive(0, Request(0, 32, 1000))])
    rates = engine.until(900).rates
    assert rates.output_tokens == pytest.approx(1000, rel=0.01)
    assert rates.prompt_tokens == pytest.approx(32 / 0.9, rel=0.01)
    assert rates.requests == 0
    quiet = engine.monitor.snapshot(engine.asked, 60_000 * MS).rates
    assert tuple(quiet) == (0, 0, 0)


def test_names_are_those_that_the_host_told() -> None:
    engine = Watched([Arrive(0, Request(0, 4, 5))])
    engine.monitor.named(0, "cmpl-1")
    engine.until(2)
    assert [row.name for row in engine.look(name="cmpl-1").requests] == ["cmpl-1"]
    assert engine.look(name="request-0").requests == ()


def test_live_requests_come_first_and_no_more_than_were_asked_for() -> None:
    engine = Watched([Arrive(i * MS, Request(i, 4, 2 if i < 5 else 50)) for i in range(8)], seats=8)
    engine.until(9)
    names = [row.name.removeprefix("request-") for row in engine.look(requests=5).requests]
    assert names == ["5", "6", "7", "4", "3"]
    assert engine.look(requests=0).requests == ()


def test_nothing_grows_with_the_requests_that_have_been() -> None:
    engine = Watched([Arrive(i * MS, Request(i, 6, 3)) for i in range(1500)], blocks=40)
    sizes = []
    for until in (700, 3500):
        snapshot = engine.until(until)
        assert len(snapshot.requests) <= tracks.KEPT + 10
        assert len(snapshot.steps) == trail.KEPT
        sizes.append(len(pickle.dumps(engine.monitor._tracks)) + len(pickle.dumps(engine.monitor._waits)))
    assert sizes[1] < sizes[0] * 1.1
    kept = engine.monitor
    assert (kept._fresh, kept._names, kept._tracks.live) == ({}, {}, {})
    assert len(kept._tracks.names) == len(kept._tracks.past) == tracks.KEPT
    assert not any((kept._waits._waiters, kept._waits._waiting, kept._waits._apart, kept._waits._forking))


def test_a_snapshot_travels_between_processes() -> None:
    snapshot = Watched(traffic(1, 30), seats=3).until(60)
    back = pickle.loads(pickle.dumps(snapshot))
    assert back == snapshot
    assert any(isinstance(getattr(back.tallies, field.name), Histogram) for field in fields(back.tallies))
