"""A recording replays exactly, and any alteration of it shows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from doubletime.core.log import BadLog, Header, LogWriter
from doubletime.core.vocabulary import DepthMap, GroupKind, KVGroup, Limits
from doubletime.lab.replay import ReplayMismatch, ReplayReport, replay
from doubletime.lab.world import World
from doubletime.policies import load

POLICY = "flow:ttft=0.02,late=1"
LIMITS = Limits(
    (KVGroup((0,), GroupKind.FULL, 2, 32), KVGroup((1,), GroupKind.WINDOW, 4, 64, window=6)),
    (13, 12),
    DepthMap(4, 2),
    max_seats=3,
    max_rows=24,
    max_open_rows=48,
)


def record() -> list[str]:
    """Overlap, prefix hits, forks, a cancel, finishes by stop token, and steps stopped for an urgent arrival."""
    world = World(LIMITS, load(POLICY), in_flight=2)
    prefix = [1, 2, 3, 4, 5, 6, 1, 2]
    for i in range(12):
        world.arrive([*prefix, *[i % 7] * (i % 5 + 1)], 11, end_token=3, seed=i, n=1 + (i == 5))
        world.turn()
    cancelled = world.arrive(prefix * 2, 9, seed=3)
    for _ in range(3):
        world.turn()
    world.cancel(cancelled)
    while world.turn():
        pass  # the predictor learns, the engine becomes idle
    for i in range(10):
        world.arrive([i % 7] * 16, 4, seed=i, ttft=30_000_000)
        world.arrive([5, i % 7], 4, seed=i, ttft=2_500_000, delay=100_000 + 37_000 * i)
        while world.turn():
            pass
    world.finish_all()
    lines: list[str] = []
    header = Header(LIMITS, POLICY, 2, 7, "test")
    writer = LogWriter(header, lines.append)
    again = _Again(writer)
    again.write(world)
    writer.close()
    return "".join(lines).splitlines(keepends=True)


class _Again:
    """Writes a world's tape as a recording; block counts need the scheduler, so it is played once more."""

    def __init__(self, writer: LogWriter) -> None:
        self.writer = writer

    def write(self, world: World) -> None:
        from doubletime.core.scheduler import Scheduler

        scheduler = Scheduler(world.limits, load(POLICY))
        events = iter([*world.tape.events, (len(world.tape.plans), None)])
        step, event = next(events)
        while event is not None or scheduler.step < step:
            if scheduler.step < step:
                self.writer.plan(scheduler, scheduler.plan())
                continue
            assert event is not None
            self.writer.event(step, event)
            scheduler.apply(event)
            step, event = next(events)


@pytest.fixture(scope="module")
def recording() -> list[str]:
    return record()


def altered(lines: list[str], kind: str, change: Any, which: int = 3) -> list[str]:
    """With one field of the `which`-th event of a kind changed."""
    found = [i for i, line in enumerate(lines) if line.startswith(f'{{"event":{{"kind":"{kind}"')]
    at = found[which]
    data = json.loads(lines[at])
    change(data["event"])
    return [*lines[:at], json.dumps(data, separators=(",", ":")) + "\n", *lines[at + 1 :]]


def test_a_recording_replays_and_contains_all_that_it_should(recording: list[str]) -> None:
    seen: list[int] = []
    report: ReplayReport = replay(recording, seen.append)
    assert report.complete
    assert report.steps == len(seen) == seen[-1] + 1
    assert report.header.policy == POLICY
    assert report.requests == 33
    assert report.cancels == 1
    assert report.finishes > 3
    assert report.stopped_steps > 0
    assert report.preemptions > 0
    assert report.decodes > 50
    assert report.events > report.steps - report.idle_steps
    prompts = sum(json.loads(line)["event"]["request"]["prompt"] for line in recording if '"arrive"' in line)
    assert 0 < report.prefill_tokens < prompts, "prefix hits saved some"


@pytest.mark.parametrize(
    ("kind", "field"),
    [("result", "duration"), ("result", "time"), ("arrive", "time"), ("cancel", "request")],
)
def test_one_altered_number_shows(recording: list[str], kind: str, field: str) -> None:
    def change(event: dict[str, Any]) -> None:
        event[field] = event.get(field, 0) + 1

    with pytest.raises(ReplayMismatch):
        replay(altered(recording, kind, change, 0 if kind == "cancel" else 3))


@pytest.mark.parametrize("field", ["seed", "prompt", "limit", "priority"])
def test_one_altered_field_of_a_request_shows(recording: list[str], field: str) -> None:
    def change(event: dict[str, Any]) -> None:
        event["request"][field] = event["request"].get(field, 0) + 1

    with pytest.raises(ReplayMismatch):
        replay(altered(recording, "arrive", change))


@pytest.mark.parametrize(
    ("field", "value"), [("seed", 8), ("in_flight", 1), ("version", "other"), ("policy", "fcfs"), ("about", {"x": 1})]
)
def test_an_altered_header_shows(recording: list[str], field: str, value: object) -> None:
    header = json.loads(recording[0]) | {field: value}
    with pytest.raises(ReplayMismatch):
        replay([json.dumps(header, separators=(",", ":")) + "\n", *recording[1:]])


def test_an_altered_plan_shows_where_and_how(recording: list[str]) -> None:
    at = next(i for i, line in enumerate(recording) if '"work"' in line)
    data = json.loads(recording[at])
    data["plan"]["depth"] = 9
    with pytest.raises(ReplayMismatch, match=r"step 0 differs: depth was 9, is 8"):
        replay([*recording[:at], json.dumps(data) + "\n", *recording[at + 1 :]])


def test_an_altered_last_event_shows_at_the_end(recording: list[str]) -> None:
    results = sum(line.startswith('{"event":{"kind":"result"') for line in recording)

    def change(event: dict[str, Any]) -> None:
        event["duration"] += 1

    with pytest.raises(ReplayMismatch, match="altered"):
        replay(altered(recording, "result", change, results - 1))


def test_a_missing_line_shows(recording: list[str]) -> None:
    for at in range(1, len(recording) - 1, 7):
        with pytest.raises((ReplayMismatch, BadLog, ValueError, IndexError)):
            replay(recording[:at] + recording[at + 1 :])


def test_a_recording_cut_short_says_so(recording: list[str]) -> None:
    for length in (1, 2, len(recording) // 2, len(recording) - 1):
        assert not replay(recording[:length]).complete


def test_a_line_cut_in_the_middle_is_named(recording: list[str]) -> None:
    lines = [*recording[:10], recording[10][:-9]]
    with pytest.raises(BadLog, match="line 11"):
        replay(lines)


def test_an_empty_recording_is_no_recording() -> None:
    with pytest.raises(BadLog, match="empty"):
        replay([])


def test_another_policy_plans_otherwise(recording: list[str]) -> None:
    header = json.loads(recording[0]) | {"policy": "fcfs:budget=5"}
    with pytest.raises(ReplayMismatch, match="step 0 differs"):
        replay([json.dumps(header, separators=(",", ":")) + "\n", *recording[1:]])
