"""A rehearsal that computes nothing: one queue whose server takes a fixed time for each token. For fast tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from doubletime.core.vocabulary import SECOND, SLO
from doubletime.lab.metrics import Outcome, Record
from doubletime.lab.rehearsal.design import Design, DoesNotFit
from doubletime.lab.rehearsal.steps import StepRecord
from doubletime.lab.result import EngineFacts, Scores, result
from doubletime.lab.workload.job import Job, Workload

ERROR = {"low": -0.05, "high": 0.05, "source": "interpolated"}


@dataclass
class Rehearsed:
    result: dict[str, Any]
    scores: Scores
    steps: list[StepRecord]


@dataclass
class Fake:
    """`speed`: tokens a second of one engine with one device, by hardware (default 10,000); devices share the work.

    TTFT is the wait plus the prompt; TPOT is `pace` over the devices of an engine. "tiny" holds no model.
    """

    speed: dict[str, float] = field(default_factory=dict)
    pace: float = 0.02
    calls: list[Design] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)

    def __call__(
        self,
        design: Design,
        workload: Workload,
        *,
        slo: SLO = SLO(),
        seed: int = 0,
        keep_steps: bool = False,
        slower: float = 1.0,
        progress: Callable[[int], object] = lambda done: None,
    ) -> Any:
        if design.hardware == "tiny" and design.tp * design.pp < 4:
            raise DoesNotFit("the weights take 16 GB, a tiny has 8 GB: use more devices (tp)")
        self.calls.append(design)
        scores, steps = Scores(slo), list[StepRecord]()
        free = [0] * design.replicas
        speed = self.speed.get(design.hardware, 10_000.0) * design.tp * design.pp / slower
        for session in workload.sessions():
            for job in session.jobs:
                self._serve(session.start, job, free, speed, design, scores, steps)
        self.requests.append(scores.all.sent)
        config = design.to_json() | {"trace": workload.name}
        facts = EngineFacts(0.0, None, 0, 0, len(steps), None)
        found = result(
            scores, facts, clock="virtual", policy=design.policy, config=config, seed=seed, error=dict(ERROR)
        )
        return Rehearsed(found, scores, steps if keep_steps else [])

    def _serve(
        self,
        arrival: int,
        job: Job,
        free: list[int],
        speed: float,
        design: Design,
        scores: Scores,
        steps: list[StepRecord],
    ) -> None:
        replica, prompt, output = free.index(min(free)), job.prompt, job.output
        start = max(arrival, free[replica])
        first = start + round(prompt / speed * SECOND)
        pace = self.pace / (design.tp * design.pp) * (2 if design.policy == "fcfs" else 1)
        last = first + round(pace * (output - 1) * SECOND)
        free[replica] = start + round((prompt + output) / speed * SECOND)
        record = Record(arrival, prompt, output, Outcome.COMPLETED, first, last, start, job.slo, job.slo_class)
        scores.add(record, last)
        number = len(steps)
        steps.append(StepRecord(replica, number, start, first, 1, 3, prompt, 4, number % 7, 40 + number % 50, 100))
