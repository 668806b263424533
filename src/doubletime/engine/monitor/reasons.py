"""Why a sequence waits: the core's reasons for granting nothing, and `policy` where nobody asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from doubletime.core.vocabulary import State, Why

if TYPE_CHECKING:
    from doubletime.core.plan import Plan
    from doubletime.core.scheduler import Scheduler

REASONS = (*(why.value for why in Why if why is not Why.FULL), "policy")
"""In the order of the columns wherever times or counts by reason are kept."""

Reason = int
"""An index into REASONS."""

INDEX: Mapping[str, Reason] = {name: at for at, name in enumerate(REASONS)}
ROWS, SEATS, BLOCKS, BUSY, POLICY = (INDEX[name] for name in ("rows", "seats", "blocks", "busy", "policy"))
OF: Mapping[Why, Reason] = {why: INDEX[why.value] for why in Why if why is not Why.FULL}

_BEHIND = frozenset(OF[why] for why in (Why.BLOCKS, Why.ACTIVATIONS, Why.GRAIN, Why.ADMIT))


class Queueing(NamedTuple):
    """Why those wait whom a plan passed over; `behind` is the sequence whose refusal ended the asking, or -1."""

    reason: Reason
    behind: int = -1


def queueing(scheduler: Scheduler, plan: Plan) -> Queueing:
    """The reason of the waiting sequences that nobody asked for in this plan.

    A policy that goes through the queue stops at the first refusal: those behind it wait for the same. Without a
    refusal they could not have run if the seats or the rows are used up; else the policy held them back.
    """
    sequences = scheduler.roster.sequences
    for denied in reversed(plan.denied):
        if denied.tokens or denied.why is Why.BUSY:
            continue
        seq = sequences.get(denied.seq)
        if seq is not None and seq.state is not State.RUNNING:
            reason = OF[denied.why]
            return Queueing(reason, denied.seq if reason in _BEHIND else -1)
    if len(scheduler.roster.running) >= scheduler.limits.max_seats:
        return Queueing(SEATS)
    return Queueing(passed_over(scheduler, plan))


def passed_over(scheduler: Scheduler, plan: Plan) -> Reason:
    """The reason of a seated sequence that nobody asked for in this plan."""
    return ROWS if plan.rows >= scheduler.limits.max_rows else POLICY
