"""A recording of a real run, replayed, gives the same plans; one altered number in it shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

pytest.importorskip("transformers")

from doubletime import __version__
from doubletime.core.log import Header, LogWriter
from doubletime.core.loop import Recorder
from doubletime.core.vocabulary import Finish, Limits
from doubletime.lab.replay import ReplayMismatch, replay
from tests.parity.conditions import POLICIES, Condition
from tests.parity.matrix import requests_of
from tests.parity.run import Outcome, Run, policy_of


@dataclass
class Recording:
    outcome: Outcome
    lines: list[str]


@cache
def record(policy: str) -> Recording:
    """A run with overlap, stops, prefix hits, forks and two cancels in it."""
    condition = Condition("llama", policy, in_flight=2, arrivals="stops", forks=True)
    lines: list[str] = []
    writers: list[LogWriter] = []

    def recorder(limits: Limits) -> Recorder:
        writers.append(LogWriter(Header(limits, policy_of(condition), 2, 0, __version__), lines.append))
        return writers[0]

    outcome = Run(condition, requests_of(condition, 15), cancels={4: 7, 10: 20}, recorder=recorder)()
    writers[0].close()
    return Recording(outcome, "".join(lines).splitlines())


@pytest.mark.parametrize("policy", POLICIES)
def test_a_recording_replays_step_for_step(policy: str) -> None:
    recording = record(policy)
    report = replay(recording.lines)
    assert report.complete
    assert report.steps == len(recording.outcome.plans)
    assert report.cancels == 2
    assert report.stopped_steps == len(recording.outcome.stops) > 0
    assert recording.outcome.hits > 0
    assert sum(text.finish is Finish.CANCEL for text in recording.outcome.texts.values()) == 2
    assert max(_in_flight(recording.lines)) == 2


def _longer(event: dict[str, Any]) -> bool:
    if event["kind"] != "result":
        return False
    event["duration"] += 1
    return True


def _later(event: dict[str, Any]) -> bool:
    if event["kind"] != "arrive":
        return False
    event["time"] += 1
    return True


def _reseeded(event: dict[str, Any]) -> bool:
    if event["kind"] != "arrive":
        return False
    event["request"]["seed"] += 1
    return True


@pytest.mark.parametrize("alter", [_longer, _later, _reseeded])
@pytest.mark.parametrize("policy", POLICIES)
def test_one_altered_number_makes_the_replay_fail(policy: str, alter: Callable[[dict[str, Any]], bool]) -> None:
    """In the middle of the recording, where nothing else looks wrong."""
    lines = list(record(policy).lines)
    where = [at for at, line in enumerate(lines) if '"event"' in line and alter(json.loads(line)["event"])]
    at = where[len(where) // 2]
    data = json.loads(lines[at])
    alter(data["event"])
    lines[at] = json.dumps(data, separators=(",", ":"))
    with pytest.raises(ReplayMismatch):
        replay(lines)


def test_a_recording_that_was_cut_short_replays_as_far_as_it_goes() -> None:
    lines = record(POLICIES[0]).lines
    report = replay(lines[: len(lines) // 2])
    assert 0 < report.steps < len(record(POLICIES[0]).outcome.plans)
    assert not report.complete


def _in_flight(lines: list[str]) -> list[int]:
    """Steps in flight, after each line."""
    count, counts = 0, []
    for line in lines[1:]:
        data = json.loads(line)
        plan = data.get("plan", {})
        count += bool("decode_starts" in plan or "work" in plan)
        count -= data.get("event", {}).get("kind") == "result"
        counts.append(count)
    return counts
