"""Any policy, with running sequences held back now and then."""

from __future__ import annotations

from doubletime.core.policy import Policy, StepView
from doubletime.core.vocabulary import Fate


class Holding:
    """Mixed into a policy: every ninth step begins by holding back a running sequence, each in its turn."""

    def compose(self, step: StepView) -> None:
        running = list(step.running())
        if step.index % 9 == 3 and len(running) > 1:
            step.preempt(running[step.index // 9 % len(running)], Fate.HOLD)
        super().compose(step)  # type: ignore[misc]

    def steady(self, step: StepView) -> int:
        return 0


def holding(policy: Policy) -> Policy:
    """The policy, from now on with `Holding`."""
    policy.__class__ = type("Holding" + type(policy).__name__, (Holding, type(policy)), {})
    return policy
