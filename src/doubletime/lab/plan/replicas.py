"""The fewest replicas with which an arm meets the goal."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from doubletime.lab.plan.space import Arm
from doubletime.lab.plan.trial import Trial

_SURELY = 0.8  # of the replicas that the work behind the trace asks for: with fewer it falls behind too
_BETTER = 0.01  # of attainment, that twice as many replicas must bring


@dataclass(frozen=True, slots=True)
class Fitted:
    """`trial`: with the fewest replicas that meet the goal, else with the most that are allowed (`meets` False).

    `short`: with one replica less, None where there can be none: what binds is seen there.
    """

    arm: Arm
    replicas: int
    meets: bool
    trial: Trial
    short: Trial | None

    @property
    def cost(self) -> float:
        """Dollars an hour."""
        return self.arm.cost(self.replicas)

    @property
    def devices(self) -> int:
        return self.arm.engine * self.replicas

    @property
    def binds(self) -> str:
        return self.trial.binds if self.short is None or not self.meets else self.short.binds


def fewest(arm: Arm, run: Callable[[int], Trial], goal: float, most: int, guess: int = 1) -> Fitted:
    """Raises `guess` until the share `goal` of the requests is met, then bisects; from `arm.fewest` up to `most`.

    What falls behind needs about as many times more replicas as it takes longer than the trace, surely most of them.
    Where twice as many replicas do no better, `most` is tried at once: if it is not the load, no number helps. More
    replicas are taken to do no worse, which a router that splits the traffic evenly keeps to.
    """
    trials: dict[int, Trial] = {}

    def attained(replicas: int) -> float:
        if replicas not in trials:
            trials[replicas] = run(replicas)
        return trials[replicas].attainment

    low, high = arm.fewest - 1, min(max(guess, arm.fewest), most)  # low never meets it
    while attained(high) < goal:
        if high == most:
            return Fitted(arm, most, False, trials[most], None)
        needed = high * trials[high].load
        better = low not in trials or attained(high) > attained(low) + _BETTER or needed > 2 * high
        low, high = (
            max(high, min(most - 1, int(_SURELY * needed))),
            max(2 * high, math.ceil(needed)) if better else most,
        )
        high = min(high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if attained(middle) >= goal else (middle, high)
    return Fitted(arm, high, True, trials[high], trials.get(high - 1))
