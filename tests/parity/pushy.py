"""Policies that make happen what a small test would otherwise wait for."""

from __future__ import annotations

from doubletime.core.default import fill
from doubletime.core.policy import FlightView, Policy, SequenceView, StepView
from doubletime.core.vocabulary import Fate, Nanoseconds
from doubletime.policies import load


class OneToken(Policy):
    """All decodes, and one prompt token."""

    name = "one"

    def compose(self, step: StepView) -> None:
        step.decode_all()
        fill(step, 1)


class Rude(Policy):
    """Every arrival stops the step that runs."""

    name = "rude"

    def interrupt(self, newcomer: SequenceView, flight: FlightView, now: Nanoseconds) -> bool:
        return True


class Holding:
    """Mixed into a policy: every fifth step begins by holding back a running sequence, each in its turn."""

    def compose(self, step: StepView) -> None:
        running = list(step.running())
        if step.index % 5 == 3 and len(running) > 1:
            step.preempt(running[step.index // 5 % len(running)], Fate.HOLD)
        super().compose(step)  # type: ignore[misc]

    def steady(self, step: StepView) -> int:
        return 0


def policies(spec: str, *, hold: bool, stops: bool) -> tuple[Policy, ...]:
    """The policies of a condition."""
    parts = (OneToken(),) if spec == "one token a step" else load(spec)
    if hold:
        composer = parts[0]
        composer.__class__ = type("Holding" + type(composer).__name__, (Holding, type(composer)), {})
    return (*parts, Rude()) if stops else parts
