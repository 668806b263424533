"""Steps as a Chrome trace: what its readers need of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from doubletime.lab.perfetto import events, title, write_trace
from doubletime.lab.rehearsal.steps import StepRecord

MIXED = StepRecord(0, 0, 1_000_000, 3_500_000, 1, 30, 512, 31, 2, 40, 160)
DECODES = StepRecord(1, 7, 2_000_000, 9_000_000, 4, 8, 0, 8, 0, 20, 160)


def test_a_replica_is_a_process_with_a_named_track() -> None:
    named = [event for event in events([MIXED, DECODES, MIXED]) if event["ph"] == "M"]
    assert [(event["pid"], event["name"]) for event in named] == [
        (replica, name) for replica in (0, 1) for name in ("process_name", "process_sort_index", "thread_name")
    ]
    assert named[3]["args"] == {"name": "replica 1"}


def test_a_step_is_a_slice_in_microseconds_named_by_what_it_held() -> None:
    (found,) = [event for event in events([MIXED]) if event["ph"] == "X"]
    assert (found["ts"], found["dur"], found["name"], found["cat"]) == (1000, 2500, "prefill 512 + decode 30", "mixed")
    assert found["args"]["rows"] == 542
    assert found["args"]["KV use"] == 0.25


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (MIXED, "prefill 512 + decode 30"),
        (DECODES, "decode 8, 4 steps"),
        (replace(MIXED, decodes=0), "prefill 512"),
        (replace(DECODES, decodes=0, count=1), "idle"),
    ],
)
def test_the_title_of_a_step(step: StepRecord, text: str) -> None:
    assert title(step) == text


def test_counters_run_beside_the_steps() -> None:
    counters = {event["name"]: event for event in events([MIXED]) if event["ph"] == "C"}
    assert {name: event["args"] for name, event in counters.items()} == {
        "running": {"running": 31},
        "waiting": {"waiting": 2},
        "KV blocks": {"KV blocks": 40},
    }
    assert {event["ts"] for event in counters.values()} == {1000}


@pytest.mark.parametrize("steps", [[], [MIXED], [MIXED, DECODES]])
def test_the_file_is_json_with_what_it_is_about(tmp_path: Path, steps: list[StepRecord]) -> None:
    path = tmp_path / "trace.json"
    assert write_trace(steps, path, {"policy": "fcfs"}) == sum(step.count for step in steps)
    found = json.loads(path.read_text())
    assert found["traceEvents"] == list(events(steps))
    assert found["otherData"] == {"policy": "fcfs"}


def test_a_step_without_blocks_has_no_use_of_them() -> None:
    (found,) = [event for event in events([replace(MIXED, used=0, blocks=0)]) if event["ph"] == "X"]
    assert found["args"]["KV use"] == 0.0
