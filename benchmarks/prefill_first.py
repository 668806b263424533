"""The scheduler that DistServe compares with: prompts alone and first, as vLLM had it until chunked prefill."""

from __future__ import annotations

from doubletime.core.default import STEADY_STEPS, fill
from doubletime.core.policy import Policy, StepView


class PrefillFirst(Policy):
    """A step holds prompts or decodes, never both."""

    name = "prefill-first"
    reference = "Kwon et al., SOSP 2023, arXiv 2309.06180, section 4.5; vLLM 0.2"

    def compose(self, step: StepView) -> None:
        fill(step, None)
        if not step.work.prefill_tokens:
            step.decode_all()

    def steady(self, step: StepView) -> int:
        return STEADY_STEPS
