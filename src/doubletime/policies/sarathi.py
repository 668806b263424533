"""Sarathi-Serve: stall-free chunked prefill (Agrawal et al., OSDI 2024, arXiv 2403.02310).

Every step holds all decodes; a prompt comes along in chunks small enough that no decode is late. The chunk is what
is left of a token budget, or, with a target for the time between tokens (`tbt`), the largest that a predictor
learned from past steps expects to fit. Blocks for the whole prompt are taken at admission, as in the paper.
"""

from __future__ import annotations

from doubletime.core.default import STEADY_STEPS, fill
from doubletime.core.policy import Policy, Served, StepView, Work
from doubletime.core.vocabulary import SECOND
from doubletime.policies.shared.predictor import StepTime

_GRAIN = 16
"""Chunks are a multiple of this (tile alignment: 257 tokens cost a third more than 256), and never smaller."""


class Sarathi(Policy):
    """`budget`: most tokens a step, decodes included. `tbt`: target between tokens in seconds, 0 for none."""

    name = "sarathi"
    reference = "Agrawal et al., OSDI 2024, arXiv 2403.02310"
    bounded = True

    def __init__(self, budget: int = 512, tbt: float = 0.0) -> None:
        if budget < _GRAIN or tbt < 0:
            raise ValueError(f"budget must be at least {_GRAIN} tokens and tbt not negative, not {budget} and {tbt}")
        self.budget = budget
        self.tbt = int(tbt * SECOND)
        self._time = StepTime()

    def compose(self, step: StepView) -> None:
        decodes = step.decode_all()
        chunk = max(self.budget - decodes, _GRAIN)  # decodes alone may fill the budget; prompts still move
        if decodes and self.tbt and self._time.known:
            chunk = self._fitting(step, chunk)
        fill(step, chunk, reserve=True)

    def served(self, report: Served) -> None:
        if self.tbt:
            self._time.learn(report)

    def steady(self, step: StepView) -> int:
        return 0 if self.tbt else STEADY_STEPS  # its predictor learns from every single step

    def _fitting(self, step: StepView, most: int) -> int:
        """The largest chunk up to `most` whose step is predicted to meet the target."""
        first = next(step.prefills(), None) or next(step.waiting(), None)
        if first is None:
            return most
        low, high = 1, most // _GRAIN
        base, start = step.work, first.computed
        while low < high:
            middle = (low + high + 1) // 2
            fits = self._time.predict(base + _chunk(middle * _GRAIN, start)) <= self.tbt
            low, high = (middle, high) if fits else (low, middle - 1)
        return low * _GRAIN


def _chunk(tokens: int, start: int) -> Work:
    return Work(prefill_tokens=tokens, prefill_context=tokens * (start + tokens / 2))
