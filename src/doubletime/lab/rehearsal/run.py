"""One rehearsal: the engine's own code, a virtual executor, a virtual clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from doubletime.cluster.fleet import Fleet
from doubletime.cluster.routers import load_router
from doubletime.core.vocabulary import SLO
from doubletime.lab.observer import Observer
from doubletime.lab.rehearsal.assembly import Assembly
from doubletime.lab.rehearsal.bars import Sample, bill
from doubletime.lab.rehearsal.design import Design
from doubletime.lab.rehearsal.journal import Journal
from doubletime.lab.rehearsal.steps import StepRecord
from doubletime.lab.rehearsal.traffic import WorkloadTraffic
from doubletime.lab.result import Scores, result
from doubletime.lab.workload.job import Workload


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """`result` is the schema of `lab.result`; `scores` has the distributions; `steps` is empty unless asked for.

    `sample`: some of the steps, priced operator by operator; None of a real run.
    """

    result: dict[str, Any]
    scores: Scores
    steps: list[StepRecord] = field(default_factory=list)
    sample: Sample | None = None


def rehearse(
    design: Design,
    workload: Workload,
    *,
    slo: SLO = SLO(),
    seed: int = 0,
    keep_steps: bool = False,
    slower: float = 1.0,
    leaps: bool = True,
    progress: Callable[[int], object] = lambda done: None,
) -> Rehearsed:
    """Serves a workload in virtual time. `progress` hears how many requests have ended since it last heard.

    `slower` stretches every step; `leaps` False takes every step on its own, for the same result. Raises DoesNotFit
    or ValueError, both with what to change.
    """
    assembly = Assembly(design, seed=seed, slower=slower, leaps=leaps)
    traffic = WorkloadTraffic(workload, slo, api=assembly.api, prefixes=design.prefix_cache, serial=assembly.serial)
    observer, steps = Observer(), list[StepRecord]()
    for index in range(design.replicas):
        traffic.journals.append(Journal(index, observer, steps.append if keep_steps else None))
    replicas = [assembly.replica(index, traffic, journal) for index, journal in enumerate(traffic.journals)]
    fleet = Fleet(replicas, load_router(design.router), traffic)
    took = _run(fleet, traffic, progress)
    traffic.count_gaps()
    sample = Sample(assembly.predicted, traffic.journals)
    found = result(
        traffic.scores, observer.facts(),
        clock="virtual", policy=replicas[0].scheduler.stack.name, seed=seed,
        config=assembly.config | {"trace": workload.name, "rehearsed_in_s": round(took, 3)},
        error=sample.error_bar(),
        cost=bill(design, assembly.machine.spec, traffic.scores),
    )  # fmt: skip
    return Rehearsed(found, traffic.scores, steps, sample)


def _run(fleet: Fleet, traffic: WorkloadTraffic, progress: Callable[[int], object]) -> float:
    """Seconds of real time that it took."""
    began, told = time.perf_counter(), 0
    while fleet.turn():
        if traffic.done - told >= 64:
            progress(traffic.done - told)
            told = traffic.done
    progress(traffic.done - told)
    return time.perf_counter() - began
