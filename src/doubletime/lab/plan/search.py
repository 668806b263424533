"""The whole search: arms, rungs, and whether the winner holds within the error of the prediction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from doubletime.lab.cell import Rehearse, virtual
from doubletime.lab.plan.halving import Ask, halve, rungs
from doubletime.lab.plan.replicas import Fitted, fewest
from doubletime.lab.plan.space import Pruned, Space, arms
from doubletime.lab.plan.trial import Goal, Trial, attempt
from doubletime.lab.pool import each
from doubletime.lab.rehearsal.design import Design
from doubletime.lab.workload.demand import Demand, demand

SHOWN = 6  # designs that are tried on the whole trace, at least

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """`found`: what was tried on the whole trace, the best first; the first is the winner if it `meets` the goal.

    `slow`: the winner where every step is slower by its error. `safe`: its arm with so many replicas that even then
    the goal is met, None where no allowed number does or nothing wins.
    """

    goal: Goal
    demand: Demand
    found: tuple[Fitted, ...]
    pruned: tuple[Pruned, ...]
    tried: int
    slow: Trial | None
    safe: Fitted | None

    @property
    def winner(self) -> Fitted | None:
        return self.found[0] if self.found and self.found[0].meets else None

    @property
    def sure(self) -> bool:
        """The winner meets the goal even where steps are slower by the error."""
        return self.slow is not None and self.slow.attainment >= self.goal.attainment


def plan(
    space: Space,
    base: Design,
    goal: Goal,
    *,
    jobs: int = 1,
    rehearse: Rehearse | None = None,
    progress: Callable[[], object] = lambda: None,
) -> Plan:
    """Searches. `progress` hears of every arm on every rung. Raises ValueError where nothing can even be tried."""
    asked = demand(goal.workload())
    if asked.rate is None:
        raise ValueError(
            f"{goal.trace} has no arrival times to plan for: give replay:path=FILE,rate=R, or a rate= spec"
        )
    kept, pruned = arms(space, base, asked)
    if not kept:
        raise ValueError("no design can do it: " + "; ".join(f"{one.name}: {one.why}" for one in pruned))
    fit = partial(fit_arm, goal=goal, asked=asked, most=space.max_devices, rehearse=rehearse)
    found = halve(kept, lambda asks: each(fit, asks, jobs, progress), rungs(asked.requests), SHOWN)
    slow, safe = _within_error(found[0], goal, asked, space.max_devices, rehearse or virtual())
    return Plan(goal, asked, tuple(found), tuple(pruned), len(kept), slow, safe)


def fit_arm(ask: Ask, goal: Goal, asked: Demand, most: int, rehearse: Rehearse | None) -> Fitted:
    """The fewest replicas of an arm, within `most` devices."""
    run = rehearse or virtual()

    def trial(replicas: int) -> Trial:
        return attempt(ask.arm.at(replicas), goal, asked, run, requests=ask.requests)

    return fewest(ask.arm, trial, goal.attainment, most // ask.arm.engine, ask.guess)


def _within_error(
    best: Fitted, goal: Goal, asked: Demand, most: int, rehearse: Rehearse
) -> tuple[Trial | None, Fitted | None]:
    """The winner once more, slower by its error; if it fails then, how many replicas would do."""
    if not best.meets:
        return None, None
    slower = 1 + best.trial.error

    def trial(replicas: int) -> Trial:
        return attempt(best.arm.at(replicas), goal, asked, rehearse, slower=slower)

    slow = trial(best.replicas)
    if slow.attainment >= goal.attainment:
        return slow, best
    allowed = most // best.arm.engine
    if best.replicas == allowed:
        return slow, None
    safe = fewest(best.arm, trial, goal.attainment, allowed, best.replicas + 1)
    return slow, safe if safe.meets else None


def to_json(found: Plan) -> Json:
    """For `--json`: seconds, tokens, dollars an hour."""
    return {
        "demand": {"requests": found.demand.requests, "rate": found.demand.rate, "span_s": found.demand.span_s},
        "attainment": found.goal.attainment,
        "winner": found.winner and _design(found.winner),
        "holds_within_error": found.sure if found.winner else None,
        "attainment_if_slower": found.slow and found.slow.attainment,
        "safe": found.safe and _design(found.safe),
        "tried": found.tried,
        "found": [_design(fitted) for fitted in found.found],
        "pruned": [one._asdict() for one in found.pruned],
    }


def _design(fitted: Fitted) -> Json:
    trial = fitted.trial
    return {
        "design": trial.design.to_json(),
        "meets": fitted.meets,
        "devices": fitted.devices,
        "dollars_per_hour": fitted.cost,
        "dollars_per_million_output_tokens": per_million(fitted),
        "attainment": trial.attainment,
        "ttft_s": trial.ttft,
        "tpot_s": trial.tpot,
        "ttft_margin": trial.ttft_margin,
        "tpot_margin": trial.tpot_margin,
        "binds": fitted.binds,
        "error": {"relative": trial.error, "source": trial.source},
    }


def per_million(fitted: Fitted) -> float | None:
    """Dollars for a million output tokens at the trace's rate."""
    speed = fitted.trial.output_tokens_per_s
    return fitted.cost / (speed * 3600) * 1e6 if speed else None
