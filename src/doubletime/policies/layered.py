"""Layered prefill: schedule layers instead of tokens (MLSys 2026, arXiv 2510.08055).

The layers are split into groups. In a step all layers run the decodes and one group also runs a batch of prompts,
whole; after as many steps as there are groups the batch has crossed every layer once. In a mixture of experts each
expert is then loaded once per prompt and not once per chunk. On dense models no gain is expected.
"""

from __future__ import annotations

from collections.abc import Iterable

from doubletime.core.default import STEADY_STEPS
from doubletime.core.policy import Policy, SequenceView, StepView
from doubletime.core.vocabulary import DepthMap


class Layered(Policy):
    """`batch`: most prompt tokens that cross the layers together. `per_group`: prompt tokens for each layer group."""

    name = "layered"
    reference = "Layered Prefill, MLSys 2026, arXiv 2510.08055"
    bounded = True

    def __init__(self, batch: int = 8192, per_group: int = 512) -> None:
        if batch < 1 or per_group < 1:
            raise ValueError(f"batch and per_group must be at least 1 token, not {batch} and {per_group}")
        self.batch = batch
        self.per_group = per_group

    def compose(self, step: StepView) -> None:
        step.decode_all()
        crossing = [seq for seq in step.prefills() if seq.open]
        if crossing:
            self._advance(step, crossing)
        else:
            self._begin(step)

    def steady(self, step: StepView) -> int:
        return STEADY_STEPS

    def _advance(self, step: StepView, crossing: list[SequenceView]) -> None:
        """The batch in flight goes through its next group."""
        tokens = sum(seq.open.tokens for seq in crossing if seq.open)
        for seq in crossing:
            step.insist(seq, depth=self._next_cut(step.depth, tokens, seq.depth))

    def _begin(self, step: StepView) -> None:
        """Forms a batch of prompts, first come, first served: the rest of those begun, then arrivals."""
        batch = [*self._select(step, step.prefills(), 0)]
        started = sum(tokens for _, tokens in batch)
        batch += self._select(step, step.waiting(), started)
        total = sum(tokens for _, tokens in batch)
        for seq, tokens in batch:
            ask = step.insist if seq.seated else step.run
            if not ask(seq, tokens, depth=self._next_cut(step.depth, total, seq.depth), reserve=True):
                return

    def _select(
        self, step: StepView, candidates: Iterable[SequenceView], chosen: int
    ) -> list[tuple[SequenceView, int]]:
        """Candidates in order, with the tokens that each may take, until batch, rows or seats are full."""
        batch: list[tuple[SequenceView, int]] = []
        left = min(self.batch, step.rows) - chosen
        for seq in candidates:
            if left <= 0 or (not seq.seated and len(batch) >= step.seats):
                break
            have = seq.open.tokens if seq.open else seq.known - step.hit(seq)
            batch.append((seq, min(have, left)))
            left -= min(have, left)
        return batch

    def _next_cut(self, depth: DepthMap, tokens: int, reached: int) -> int:
        """The end of the layer group that follows `reached`; groups are near-equal and contiguous."""
        groups = min(depth.layers, max(1, -(-tokens // self.per_group)))
        size, larger = divmod(depth.layers, groups)
        layer = 0
        for group in range(groups):
            layer += size + (group < larger)
            if depth.at_layer(layer) > reached:
                break
        return depth.at_layer(layer)
