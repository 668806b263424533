"""Successive halving: many arms on a short part of the trace, few on all of it.

Jamieson & Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization" (AISTATS 2016). A part
of a trace is another trace: mostly kinder than the whole, as queues have not built up, sometimes a burst. So arms that
fall out are only set aside, and come back if none that stayed meets the goal in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from doubletime.lab.plan.replicas import Fitted
from doubletime.lab.plan.space import Arm

SHRINK = 3  # arms kept: one in so many, on so many times the requests
_LEAST = 100  # requests, that tell something about a design
_BATCH = 8  # arms that are tried before anybody looks whether the rest can be spared


class Ask(NamedTuple):
    """An arm on the first `requests` of the trace; `guess`: replicas to start from."""

    arm: Arm
    requests: int
    guess: int


Evaluate = Callable[[Sequence[Ask]], Sequence[Fitted]]


def rungs(requests: int) -> list[int]:
    """Lengths of the parts, ascending; the last is the whole trace."""
    sizes = [requests]
    while sizes[0] >= SHRINK * _LEAST and len(sizes) < 4:
        sizes.insert(0, sizes[0] // SHRINK)
    return sizes


def halve(arms: Sequence[Arm], evaluate: Evaluate, sizes: Sequence[int], keep: int) -> list[Fitted]:
    """The arms that were tried on the whole trace, the best first. At least `keep` arms, if there are, get there."""
    ahead, aside = [(arm, arm.fewest) for arm in arms], list[tuple[Arm, int]]()
    for size in sizes[:-1]:
        stay = max(keep, -(-len(ahead) // SHRINK))
        found, spared = _rung(ahead, evaluate, size, stay)
        known = [(fitted.arm, fitted.replicas) for fitted in sorted(found, key=rank)]
        ahead, aside = known[:stay], known[stay:] + spared + aside
    done: list[Fitted] = []
    while ahead and not any(fitted.meets for fitted in done):
        done += evaluate([Ask(arm, sizes[-1], guess) for arm, guess in ahead])
        ahead, aside = aside[:keep], aside[keep:]
    return sorted(done, key=rank)


def _rung(
    ahead: Sequence[tuple[Arm, int]], evaluate: Evaluate, size: int, stay: int
) -> tuple[list[Fitted], list[tuple[Arm, int]]]:
    """Who was tried, and who was spared: the arms whose fewest replicas cost more than `stay` others that do well."""
    waiting = sorted(ahead, key=lambda pair: (pair[0].cost(pair[0].fewest), pair[0].name))
    found: list[Fitted] = []
    while waiting:
        costs = sorted(fitted.cost for fitted in found if fitted.meets)
        least, _ = waiting[0]
        if len(costs) >= stay and costs[stay - 1] < least.cost(least.fewest):
            break
        found += evaluate([Ask(arm, size, guess) for arm, guess in waiting[:_BATCH]])
        del waiting[:_BATCH]
    return found, waiting


def rank(fitted: Fitted) -> tuple[bool, float, float, str]:
    """Ascending: those that meet the goal, the cheapest first, then the widest margin; then by what they reach."""
    if fitted.meets:
        return (False, fitted.cost, -fitted.trial.margin, fitted.arm.name)
    return (True, -fitted.trial.attainment, fitted.cost, fitted.arm.name)
