"""A recording's own requests and step times under another policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubletime.core.events import Arrive
from doubletime.core.log import BadLog, Header, LogWriter
from doubletime.core.loop import Engine
from doubletime.core.plan import Plan
from doubletime.core.scheduler import Scheduler
from doubletime.core.virtual import VirtualSource
from doubletime.core.vocabulary import SLO, DepthMap, GroupKind, KVGroup, Limits, Nanoseconds
from doubletime.executors.virtual import VirtualExecutor
from doubletime.lab.rehearsal.traffic import request_of
from doubletime.lab.whatif import features, learn, what_if
from doubletime.lab.workload.open import open_workload
from doubletime.policies import load

WEIGHTS = (4e6, 3e4, 5.0, 2e5, 300.0)
LIMITS = Limits((KVGroup((0, 1), GroupKind.FULL, 16, 64),), (400,), DepthMap(2, 5), 16, 512, 4096)


class Linear:
    stages = 1

    def decodes(self, count: int, context: int) -> Nanoseconds:
        return round(WEIGHTS[0] + WEIGHTS[3] * count + WEIGHTS[4] * context)

    def plan(self, plan: Plan) -> Nanoseconds:
        return round(sum(w * x for w, x in zip(WEIGHTS, features(plan), strict=True)))

    def depths(self, plan: Plan) -> tuple[Nanoseconds, ...]:
        return tuple(self.plan(plan) * (point + 1) // plan.depth for point in range(plan.depth))


def record(path: Path, requests: int = 60) -> Path:
    """A run of fcfs on a machine whose steps take a known linear time."""
    workload = open_workload(f"poisson:rate=20,prompt=uniform:20:400,output=uniform:2:30,n={requests},prefix=32")
    source = VirtualSource()
    executor = VirtualExecutor(source, Linear())
    for number, session in enumerate(workload.sessions()):
        request = request_of(session.jobs[0], number, 0, prefixes=True, serial=False)
        source.post(Arrive(session.start, request))
    with path.open("w") as file:
        writer = LogWriter(Header(LIMITS, "fcfs", 2, 0, "test"), file.write)
        Engine(Scheduler(LIMITS, load("fcfs")), executor, source, in_flight=2, recorder=writer).run()
        writer.close()
    return path


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("whatif") / "run.jsonl")


def test_step_times_are_learnt_from_the_recording(recording: Path) -> None:
    header, cost = learn(recording)
    assert header.policy == "fcfs"
    assert cost.weights == pytest.approx(WEIGHTS, rel=0.02)
    assert cost.error < 1e-4


def test_the_same_policy_gives_the_recorded_run(recording: Path) -> None:
    found = what_if(recording, "fcfs")
    assert found["requests"]["completed"] == 60
    assert found["prefix_hit_rate"] > 0.05
    last = [line for line in recording.read_text().splitlines() if '"result"' in line][-1]
    recorded_end = int(last.split('"time":')[1].split(",")[0]) / 1e9
    first = next(line for line in recording.read_text().splitlines() if '"arrive"' in line)
    began = int(first.split('"time":')[1].split(",")[0]) / 1e9
    assert found["duration_s"] == pytest.approx(recorded_end - began, rel=1e-3)


def test_another_policy_gives_another_run(recording: Path) -> None:
    chunked = what_if(recording, "sarathi:budget=64", slo=SLO(ttft=10**9))
    assert chunked["policy"] == "sarathi:budget=64"
    assert chunked["config"]["recorded_policy"] == "fcfs"
    assert chunked["steps"] > what_if(recording, "fcfs")["steps"]
    assert 0 < chunked["slo"]["attainment"] <= 1


def test_too_few_steps_teach_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 20 are needed"):
        learn(record(tmp_path / "short.jsonl", requests=1))


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text('{"timestamp": 1}\n')
    with pytest.raises(BadLog):
        learn(path)


def test_half_a_slab_counts_half() -> None:
    from doubletime.core.vocabulary import Slab

    whole = features(Plan(0, 0, work=(Slab(0, 0, 8, 0, 10, 1),), depth=10))
    half = features(Plan(0, 0, work=(Slab(0, 0, 8, 0, 5),), depth=10))
    assert half[1:3] == (whole[1] / 2, whole[2] / 2)
