"""Smaller priority values go first, and the largest gives way (vLLM's `--scheduling-policy priority`).

Supplies order and victim; combine it with whatever fills the step: `sarathi+priority`. Unlike vLLM's it does not
preempt for a waiting request by itself: a seat or blocks are taken from a worse sequence only where a better one runs.
"""

from __future__ import annotations

from collections.abc import Iterable

from doubletime.core.policy import Policy, SequenceView, StepView


class Priority(Policy):
    """Ties go to the earlier arrival."""

    name = "priority"
    reference = "vLLM priority scheduling"

    def key(self, seq: SequenceView) -> int:
        return seq.priority

    def victim(self, step: StepView, need: SequenceView, running: Iterable[SequenceView]) -> SequenceView | None:
        worst = max(running, key=_rank, default=need)
        return worst if _rank(worst) > _rank(need) else None


def _rank(seq: SequenceView) -> tuple[int, int, int]:
    return (seq.priority, *seq.age_key)
