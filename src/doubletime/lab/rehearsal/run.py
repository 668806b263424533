"""One rehearsal: the engine's own code, a virtual executor, a virtual clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from doubletime.cluster.fleet import Fleet
from doubletime.cluster.replica import Owner, Replica, Role
from doubletime.core.vocabulary import SLO, Nanoseconds
from doubletime.lab.observer import Observer
from doubletime.lab.rehearsal.assembly import Assembly
from doubletime.lab.rehearsal.bars import Sample, Use, bill
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
    observer, steps = Observer(), list[StepRecord]()
    traffic = WorkloadTraffic(
        workload, slo, observer,
        api=assembly.api, prefixes=design.prefix_cache, serial=assembly.serial,
        by_replica=design.replicas > 1 or assembly.scaler is not None,
    )  # fmt: skip
    plant = _Plant(assembly, traffic, lambda index: Journal(index, observer, steps.append if keep_steps else None))
    fleet = Fleet(
        plant, assembly.router, traffic, assembly.roles,
        wire=assembly.wire, handoff=assembly.handoff, scaler=assembly.scaler, load=assembly.load,
        failures=assembly.failures,
    )  # fmt: skip
    took = _run(fleet, traffic, progress)
    traffic.count_gaps()
    sample = Sample([(assembly.kind_of(role).predicted, journal) for role, journal in plant.made])
    found = result(
        traffic.scores, observer.facts(),
        clock="virtual", policy=plant.policy, seed=seed,
        config=assembly.config | {"trace": workload.name, "rehearsed_in_s": round(took, 3)},
        error=sample.error_bar(),
        cost=bill(_uses(assembly, fleet, traffic.scores.all.ended), traffic.scores),
    )  # fmt: skip
    return Rehearsed(found, traffic.scores, steps, sample)


@dataclass(slots=True)
class _Plant:
    """Makes replicas, each with a journal that the traffic counts gaps from. A `cluster.crew.Plant`."""

    assembly: Assembly
    traffic: WorkloadTraffic
    journal: Callable[[int], Journal]
    made: list[tuple[Role, Journal]] = field(default_factory=list)
    policy: str = ""

    def replica(self, index: int, role: Role, owner: Owner) -> Replica:
        journal = self.journal(index)
        self.made.append((role, journal))
        self.traffic.journals.append(journal)
        replica = self.assembly.replica(index, role, owner, journal)
        self.policy = replica.scheduler.stack.name
        return replica


def _uses(assembly: Assembly, fleet: Fleet, end: Nanoseconds) -> list[Use]:
    """Devices that were in use until the last request ended."""
    uses = []
    for member in fleet.crew.history:
        kind = assembly.kind_of(member.role)
        ended = end if member.ended is None else min(member.ended, end)
        uses.append(Use(kind.machine.spec, kind.devices, min(member.began, end), ended))
    return uses


def _run(fleet: Fleet, traffic: WorkloadTraffic, progress: Callable[[int], object]) -> float:
    """Seconds of real time that it took."""
    began, told = time.perf_counter(), 0
    while fleet.turn():
        if traffic.done - told >= 64:
            progress(traffic.done - told)
            told = traffic.done
    progress(traffic.done - told)
    return time.perf_counter() - began
