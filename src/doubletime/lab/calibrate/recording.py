"""Evidence from one of our own recordings: each step with its plan and how long it took."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from doubletime.core.events import Result
from doubletime.core.log import Logged, LoggedEvent, LoggedPlan
from doubletime.core.plan import Plan
from doubletime.core.vocabulary import SECOND
from doubletime.hardware.cost import PlanCost
from doubletime.hardware.explain import Anatomy
from doubletime.lab.calibrate.knobs import NOISE, seconds

INDEPENDENT = 400  # steps that differ enough to count each on its own
MOST_STEPS = 3000  # more say the same again
WARM_UP = 8  # steps: compilers and allocators are still busy


@dataclass(slots=True)
class Steps:
    """What steps are made of, and the seconds they took."""

    overlap: bool
    anatomies: list[Anatomy] = field(default_factory=list)
    took: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.took)

    @property
    def noise(self) -> float:
        """What is wrong about one kind of step is wrong in all of them: many steps tell no more than some."""
        return NOISE * math.sqrt(max(1.0, len(self) / INDEPENDENT))

    @property
    def shortest(self) -> float:
        return min(self.took)

    def residuals(self, at: Sequence[float]) -> list[float]:
        """log(predicted / measured) of each step."""
        return [
            math.log(seconds(step, at, overlap=self.overlap) / took)
            for step, took in zip(self.anatomies, self.took, strict=True)
        ]


def steps_of(log: Iterable[Logged], cost: PlanCost) -> Steps:
    """The steps of a recording that ran to their end, evenly thinned out to `MOST_STEPS`.

    With steps in flight a duration is the time since the step before it ended, or since dispatch where the device was
    idle: that is what the executor reports.
    """
    ran = _completed(log)[WARM_UP:]
    every = max(1, -(-len(ran) // MOST_STEPS))
    found = Steps(cost.overlap)
    for plan, took in ran[::every]:
        found.anatomies.append(cost.anatomy(plan))
        found.took.append(took)
    return found


def _completed(log: Iterable[Logged]) -> list[tuple[Plan, float]]:
    plans: dict[int, Plan] = {}
    found: list[tuple[Plan, float]] = []
    for item in log:
        if isinstance(item, LoggedPlan) and not item.plan.idle:
            plans[item.plan.step] = item.plan
        elif isinstance(item, LoggedEvent) and isinstance(item.event, Result):
            result = item.event
            plan = plans.pop(result.step, None)
            whole = result.reached is None and not (result.revoked or result.failed)
            if plan is not None and whole and result.duration > 0:
                found.append((plan, result.duration / SECOND))
    return found
