"""A policy for `--policy one_token.py`: all decodes, and beside them one prompt token a step."""

from __future__ import annotations

from doubletime.core.default import fill
from doubletime.core.policy import Policy, StepView


class OneToken(Policy):
    name = "one_token"

    def compose(self, step: StepView) -> None:
        step.decode_all()
        fill(step, 1)
