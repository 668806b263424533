"""Muon for the matrices inside the blocks, AdamW for the embedding and the norms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn


def orthogonalise(update: Tensor, steps: int = 5) -> Tensor:
    """Nearest semi-orthogonal matrix of each [..., rows, columns], by the quintic Newton-Schulz iteration of Muon."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = update.shape[-2] > update.shape[-1]
    x = update.mT if tall else update
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum, then the orthogonalised direction; matrices of one shape are processed together."""

    def __init__(
        self, parameters: list[nn.Parameter], lr: float, pool: Executor, decay: float = 0.0, momentum: float = 0.95
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "decay": decay})
        self.pool = pool

    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            list(self.pool.map(partial(self._step_same, group), self._by_shape(group["params"])))

    @torch.no_grad()
    def _step_same(self, group: dict[str, Any], same: list[nn.Parameter]) -> None:
        directions = torch.stack([self._direction(p, group["momentum"]) for p in same])
        rows, columns = same[0].shape
        scale = group["lr"] * max(1.0, rows / columns) ** 0.5
        for parameter, direction in zip(same, orthogonalise(directions), strict=True):
            parameter.mul_(1 - group["lr"] * group["decay"]).add_(direction, alpha=-scale)

    def _direction(self, parameter: nn.Parameter, momentum: float) -> Tensor:
        state = self.state[parameter]
        buffer = state.setdefault("momentum", torch.zeros_like(parameter))
        buffer.lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(buffer, momentum)

    @staticmethod
    def _by_shape(parameters: list[nn.Parameter]) -> list[list[nn.Parameter]]:
        shapes: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
        for parameter in parameters:
            if parameter.grad is not None:
                shapes[parameter.shape].append(parameter)
        return list(shapes.values())


def optimizers(
    model: nn.Module,
    rates: tuple[float, float, float, float],
    slow: Callable[[str], bool],
    pool: Executor,
    decay: float,
) -> list[torch.optim.Optimizer]:
    """Muon, Muon for the parameters whose name is `slow`, Adam for the embedding and the norms; `rates` in this order.

    Decay bounds the matrices: Muon's steps are all of one size, and without it the blocks' outputs grow until they
    drown the embedding in the residual stream.
    """
    named = list(model.named_parameters())
    matrices = [(n, p) for n, p in named if p.ndim == 2 and "embed" not in n]
    embedding = [p for n, p in named if "embed" in n]
    norms = [p for _, p in named if p.ndim < 2]
    # An optimizer refuses an empty list; a parameter without gradient is passed over.
    slow_matrices = [p for n, p in matrices if slow(n)] or [nn.Parameter(torch.zeros(1, 1))]
    return [
        Muon([p for n, p in matrices if not slow(n)], rates[0], pool, decay),
        Muon(slow_matrices, rates[1], pool),
        torch.optim.Adam(embedding, rates[2], betas=(0.9, 0.95)),
        torch.optim.Adam(norms, rates[3], betas=(0.9, 0.95)),
    ]
