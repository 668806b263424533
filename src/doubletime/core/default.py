"""The default of every role: first come, first served; the latest admission gives way; the least recently used goes."""

from __future__ import annotations

from collections.abc import Iterable

from doubletime.core.policy import Policy, SequenceView, StepView
from doubletime.core.vocabulary import Why

STEADY_STEPS = 1024
"""How many equal steps a policy promises at a time; any event ends the promise anyway."""


class Default(Policy):
    """Decodes, then started prefills, then arrivals, each as far as the rows of the step go."""

    name = "default"

    def compose(self, step: StepView) -> None:
        step.decode_all()
        fill(step, None)

    def victim(self, step: StepView, need: SequenceView, running: Iterable[SequenceView]) -> SequenceView | None:
        return newest(running, need)


def newest(running: Iterable[SequenceView], need: SequenceView) -> SequenceView | None:
    """The latest admission, None when that is `need` itself: so the first admitted always gets through.

    As in vLLM V1. Its blocks are the freshest: what it loses was cached last, and is found again soonest.
    """
    if not need.seated:
        return None
    last = max(running, key=lambda seq: seq.admitted, default=need)
    return last if last.admitted > need.admitted else None


def fill(step: StepView, tokens: int | None, *, reserve: bool = False) -> None:
    """Gives up to `tokens` prefill tokens (None: no limit) to started prefills, then to arrivals until one fails."""
    left = step.rows if tokens is None else tokens
    for seq in step.prefills():
        if left <= 0:
            return
        left -= step.insist(seq, left).tokens
    for seq in step.waiting():
        if left <= 0:
            return
        grant = step.run(seq, left, reserve=reserve)
        if not grant and grant.why is not Why.BUSY:
            return
        left -= grant.tokens
