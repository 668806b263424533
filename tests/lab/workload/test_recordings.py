"""Our own recordings as traces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from doubletime.core.events import Arrive, Cancel, Event, Request, Row
from doubletime.core.log import Header, LogWriter
from doubletime.core.loop import Engine
from doubletime.core.plan import Plan
from doubletime.core.scheduler import Scheduler
from doubletime.core.virtual import VirtualSource
from doubletime.core.vocabulary import SECOND, DepthMap, Finish, GroupKind, KVGroup, Limits
from doubletime.executors.scripted import ScriptedExecutor
from doubletime.lab.workload.job import Session
from doubletime.lab.workload.open import open_workload

LIMITS = Limits((KVGroup((0,), GroupKind.FULL, 16, 1),), (64,), DepthMap(2), max_rows=256)


def record(path: Path, events: Sequence[Event], stops: dict[int, int]) -> list[Session]:
    """Runs the events; sequence s stops after its stops[s]-th step."""
    steps: dict[int, int] = {}

    def rows(plan: Plan) -> tuple[Row, ...]:
        found = []
        for slab in plan.slabs:
            steps[slab.seq] = steps.get(slab.seq, 0) + 1
            if steps[slab.seq] == stops.get(slab.seq):
                found.append(Row(slab.seq, None, Finish.STOP))
        return tuple(found)

    with path.open("w") as file:
        writer = LogWriter(Header(LIMITS, "fcfs", 2, 0, "test"), file.write)
        source = VirtualSource(events)
        engine = Engine(
            Scheduler(LIMITS), ScriptedExecutor(LIMITS, source, rows=rows), source, in_flight=2, recorder=writer
        )
        engine.run()
        writer.close()
    return list(open_workload(str(path)).sessions())


def test_lengths_are_as_they_came_out_and_times_as_they_were(tmp_path: Path) -> None:
    events = [
        Arrive(SECOND, Request(0, 40, 50, keys=(11, 12), tenant="t")),
        Arrive(SECOND + 5, Request(1, 30, 4)),
        Arrive(SECOND + 9, Request(2, 30, 60)),
        Cancel(SECOND + 20_500_000, 2),
    ]
    one, two, three = record(tmp_path / "run.jsonl", events, stops={0: 7})
    assert [session.start for session in (one, two, three)] == [0, 5, 9]
    assert (one.jobs[0].prompt, one.jobs[0].output, one.jobs[0].keys, one.jobs[0].tenant) == (40, 7, (11, 12), "t")
    assert two.jobs[0].output == 4
    assert 15 <= three.jobs[0].output <= 21


def test_a_request_of_several_choices_is_as_many_jobs(tmp_path: Path) -> None:
    sessions = record(tmp_path / "run.jsonl", [Arrive(0, Request(0, 20, 6, n=3))], stops={2: 2})
    assert [session.jobs[0].output for session in sessions] == [6, 6, 2]


def test_a_recording_that_was_cut_short_gives_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    record(path, [Arrive(0, Request(0, 20, 6)), Arrive(SECOND, Request(1, 20, 8))], stops={})
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-4]))
    assert [session.jobs[0].output for session in open_workload(str(path)).sessions()] == [6, 8]
