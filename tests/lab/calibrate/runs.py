"""A served workload in virtual time, as a recording and as a per-request trace."""

from __future__ import annotations

import json
from pathlib import Path

from doubletime.core.events import Arrive, Request
from doubletime.core.log import Header, LogWriter
from doubletime.core.loop import Engine
from doubletime.core.scheduler import Scheduler
from doubletime.core.sequence import Sequence
from doubletime.core.virtual import VirtualSource
from doubletime.core.vocabulary import SECOND
from doubletime.executors.scripted import ScriptedExecutor
from doubletime.hardware.layout import Layout
from doubletime.hardware.memory import limits_for
from doubletime.hardware.step import StepCost
from doubletime.policies import load
from doubletime.shapes import published_shape
from tests.hardware.fake import FakeMachine

SHAPE = published_shape("qwen3-0.6b")
MACHINE = FakeMachine()
LAYOUT = Layout()


class Ends(VirtualSource):
    """A source that remembers the sequences that have ended."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Sequence] = []

    def ended(self, seq: Sequence) -> None:
        self.found.append(seq)


def serve(cost: StepCost, path: Path, *, requests: int = 80, api: float = 0.0) -> list[dict[str, float]]:
    """Writes the recording to `path`; the per-request trace. Lengths and arrivals are spread, and always the same."""
    limits = limits_for(SHAPE, MACHINE, LAYOUT, max_seats=64, max_rows=512, max_model_len=4096)
    source, scheduler = Ends(), Scheduler(limits, load("fcfs:budget=512"))
    executor = ScriptedExecutor(limits, source, cost.plan)
    with path.open("w", encoding="utf-8") as file:
        writer = LogWriter(Header(limits, "fcfs", 2, 0, "test"), file.write)
        engine = Engine(scheduler, executor, source, in_flight=2, recorder=writer)
        arrivals = {}
        for number in range(requests):
            arrivals[number] = time = number * number % 977 * SECOND // 400
            source.post(Arrive(time, Request(number, 40 + number * 131 % 900, 20 + number * 37 % 200)))
        engine.run()
        writer.close()
    return [_line(seq, arrivals[seq.id], api) for seq in source.found]


def _line(seq: Sequence, arrival: int, api: float) -> dict[str, float]:
    assert seq.first is not None
    assert seq.last is not None
    first, last = seq.first / SECOND + api, seq.last / SECOND + api
    times = {"arrival": arrival / SECOND, "first_token": first, "last_token": last}
    return {"input_tokens": seq.prompt, "output_tokens": seq.output} | times


def write_trace(lines: list[dict[str, float]], path: Path) -> Path:
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return path
