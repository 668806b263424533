"""First come, first served with one token budget a step: the order of vLLM V1 (Kwon et al., SOSP 2023).

Running sequences come first, in order of admission, each with its decode or the next chunk of its prompt; what is
left of the budget goes to the waiting in order of arrival, until one does not fit. Blocks grow by chunk. When a
running sequence finds no block, the latest admission is preempted by recompute.
"""

from __future__ import annotations

from doubletime.core.default import STEADY_STEPS, fill
from doubletime.core.policy import Policy, StepView


class Fcfs(Policy):
    """`budget`: most tokens a step, decodes included (vLLM's max_num_batched_tokens)."""

    name = "fcfs"
    reference = "Kwon et al., SOSP 2023, arXiv 2309.06180; vLLM V1 scheduler"
    bounded = True

    def __init__(self, budget: int = 2048) -> None:
        if budget < 1:
            raise ValueError(f"budget must be at least 1 token, not {budget}")
        self.budget = budget

    def compose(self, step: StepView) -> None:
        decodes = step.decode_all()
        fill(step, self.budget - decodes)

    def steady(self, step: StepView) -> int:
        return STEADY_STEPS
