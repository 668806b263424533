"""Scores of given tokens: one forward pass over the engine's own kernels and paged memory."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from doubletime.core.vocabulary import Limits, Slab
from doubletime.decoding.sampling import Sampling
from doubletime.executors.stops import Stops
from doubletime.executors.torch_runner import TorchRunner
from doubletime.models import AnyModel
from doubletime.shapes import depth_map, kv_groups

_BLOCK = 16


class Scorer:
    """Holds KV memory for one sequence of up to `longest` tokens."""

    def __init__(self, model: AnyModel, longest: int) -> None:
        groups = kv_groups(model.shape, _BLOCK, model.kv_bytes)
        blocks = -(-longest // _BLOCK)
        limits = Limits(groups, (blocks,) * len(groups), depth_map(model.shape), 1, longest, longest)
        self._model = model
        self._runner = TorchRunner(model, limits)
        self._blocks = tuple(range(blocks))

    @torch.inference_mode()
    def logits(self, tokens: Sequence[int]) -> Tensor:
        """Logits after each token, [len(tokens), vocab] float32."""
        runner = self._runner
        runner.ledger.admit(0, tokens, Sampling())
        for table in runner.tables:
            table.change(0, 0, self._blocks)
        bundles, _ = runner.walker.walk([Slab(0, 0, len(tokens), 0, self._model.depth)], Stops())
        return self._model.logits(bundles[0].state.hidden)

    def logprobs(self, tokens: Sequence[int]) -> list[float]:
        """Natural log-probability of each token but the first."""
        distribution = self.logits(tokens[:-1]).log_softmax(-1)
        values: list[float] = distribution.gather(1, torch.tensor(tokens[1:])[:, None].to(distribution.device))[
            :, 0
        ].tolist()
        return values


def agreement(scorer: Scorer, reference: Scorer, windows: Sequence[Sequence[int]]) -> dict[str, float]:
    """Share of positions with the same likeliest token, and mean KL(reference ‖ scorer) in nats."""
    same, divergence, count = 0, 0.0, 0
    for window in windows:
        ours, theirs = scorer.logits(window).log_softmax(-1), reference.logits(window).log_softmax(-1)
        same += int((ours.argmax(-1) == theirs.argmax(-1)).sum())
        divergence += float((theirs.exp() * (theirs - ours)).sum())
        count += len(window)
    return {"token_match": round(same / count, 5), "kl": round(divergence / count, 7)}
