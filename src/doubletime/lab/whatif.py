"""What if another policy had run: a recording's own requests and step times, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doubletime.cluster.fleet import Fleet
from doubletime.cluster.replica import Owner, Replica, Role
from doubletime.cluster.routers import load_router
from doubletime.core.events import Result
from doubletime.core.log import Header, LoggedEvent, LoggedPlan, read_log
from doubletime.core.plan import Plan
from doubletime.core.vocabulary import SLO, Nanoseconds
from doubletime.executors.virtual import Jitter
from doubletime.lab.least_squares import ridge
from doubletime.lab.observer import Observer
from doubletime.lab.rehearsal.journal import Journal
from doubletime.lab.rehearsal.traffic import WorkloadTraffic
from doubletime.lab.result import result
from doubletime.lab.workload.lines import open_text
from doubletime.lab.workload.open import open_workload
from doubletime.policies import load

_ENOUGH = 20  # steps to learn from
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class RecordedCost:
    """Step times as a recording has them: a line in what a step holds, the form that DistServe and Splitwise fit.

    nanoseconds = a + b · prefill tokens + c · prefill tokens · context + d · decodes + e · decode context.
    """

    weights: tuple[float, ...]
    least: Nanoseconds  # no step was shorter
    error: float  # mean absolute relative error over the recording's steps
    stages: int = 1

    def decodes(self, count: int, context: int) -> Nanoseconds:
        a, _, _, d, e = self.weights
        return max(self.least, round(a + d * count + e * context))

    def plan(self, plan: Plan) -> Nanoseconds:
        return max(self.least, round(_dot(self.weights, features(plan))))

    def depths(self, plan: Plan) -> tuple[Nanoseconds, ...]:
        """Evenly: a recording tells when a step was stopped, not where its time went."""
        whole = self.plan(plan)
        return tuple(whole * (point + 1) // plan.depth for point in range(plan.depth))


def features(plan: Plan) -> tuple[float, ...]:
    """What a step holds; slabs of partial depth count by their share of it."""
    tokens = context = 0.0
    for slab in plan.work:
        own = slab.tokens * (slab.bottom - slab.top) / plan.depth
        tokens += own
        context += own * (slab.start + slab.tokens / 2)
    return 1.0, tokens, context, float(len(plan.decode_seqs)), float(sum(plan.decode_starts))


def learn(path: Path) -> tuple[Header, RecordedCost]:
    """The header of a recording, and what its steps took. Raises BadLog or ValueError if they are too few."""
    items = _steps(path)
    header = next(items)
    assert isinstance(header, Header)
    steps = [(features(plan), result.duration) for plan, result in items]  # type: ignore[misc]
    if len(steps) < _ENOUGH:
        raise ValueError(f"{path} has {len(steps)} whole steps; at least {_ENOUGH} are needed to learn their times")
    least = max(1, min(took for _, took in steps))
    weights = _fit(steps, least)
    errors = [abs(_dot(weights, own) / max(took, 1) - 1) for own, took in steps]
    return header, RecordedCost(weights, least, sum(errors) / len(errors))


def _fit(steps: list[tuple[tuple[float, ...], Nanoseconds]], least: Nanoseconds) -> tuple[float, ...]:
    """Least squares of relative errors. Relative to what is predicted: relative to what was measured, short steps that
    came about by chance would weigh most, and everything would be predicted too short."""
    scale = [float(sum(took for _, took in steps)) / len(steps)] * len(steps)
    for _ in range(_ROUNDS):
        rows = [[value / by for value in own] for (own, _), by in zip(steps, scale, strict=True)]
        weights = ridge(rows, [took / by for (_, took), by in zip(steps, scale, strict=True)])
        scale = [max(float(least), _dot(weights, own)) for own, _ in steps]
    return tuple(weights)


def _dot(weights: Sequence[float], own: Sequence[float]) -> float:
    return sum(w * x for w, x in zip(weights, own, strict=True))


def _steps(path: Path) -> Iterator[Header | tuple[Plan, Result]]:
    """The header, then every step that ran to its end, with its result."""
    plans: dict[int, Plan] = {}
    with open_text(path) as lines:
        for item in read_log(lines):
            if isinstance(item, Header):
                yield item
            elif isinstance(item, LoggedPlan):
                plans[item.plan.step] = item.plan
            elif isinstance(item, LoggedEvent) and isinstance(item.event, Result):
                plan = plans.pop(item.event.step)
                if not (item.event.revoked or item.event.failed or item.event.reached is not None):
                    yield plan, item.event


@dataclass(frozen=True, slots=True)
class _Plant:
    """Makes the engine of a recording. A `cluster.crew.Plant`."""

    header: Header
    cost: RecordedCost
    policy: str
    seed: int
    journal: Journal

    def replica(self, index: int, role: Role, owner: Owner) -> Replica:
        return Replica(
            index,
            self.header.limits,
            load(self.policy),
            self.cost,
            owner,
            self.journal,
            in_flight=self.header.in_flight,
            jitter=Jitter(self.cost.error, self.seed),
        )


def what_if(path: Path, policy: str, *, slo: SLO = SLO(), seed: int = 0) -> dict[str, Any]:
    """The result schema for the recording's requests under `policy`, with its engine's memory and limits."""
    header, cost = learn(path)
    workload = open_workload(str(path), seed=seed)
    observer = Observer()
    traffic = WorkloadTraffic(workload, slo, observer)
    plant = _Plant(header, cost, policy, seed, Journal(0, observer))
    traffic.journals.append(plant.journal)
    Fleet(plant, load_router("round-robin"), traffic, (Role.BOTH,)).run()
    traffic.count_gaps()
    return result(
        traffic.scores, observer.facts(),
        clock="virtual", policy=policy, seed=seed,
        config={"recording": str(path), "recorded_policy": header.policy, "in_flight": header.in_flight}
        | {"kv_blocks": list(header.limits.blocks), "about": header.about, "jitter": cost.error},
        error={"low": -cost.error, "high": cost.error, "source": "step times: fitted to the recording"},
    )  # fmt: skip
