"""The gated MLP and the mixture of experts."""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from doubletime.shapes import Activation


def gated(gate: Tensor, up: Tensor, activation: Activation) -> Tensor:
    """activation(gate) × up."""
    if activation is Activation.GELU_TANH:
        return F.gelu(gate, approximate="tanh") * up
    return F.silu(gate) * up


def route(logits: Tensor, top_k: int, normalize: bool) -> tuple[Tensor, Tensor]:
    """The `top_k` likeliest experts of each token: (weights [T, k] in the dtype of `logits`, ids [T, k] int64)."""
    weights, ids = logits.float().softmax(-1).topk(top_k, dim=-1)
    if normalize:
        weights = weights / weights.sum(-1, keepdim=True)
    return weights.to(logits.dtype), ids


Expert = tuple[Tensor, Tensor, Tensor]  # gate [I, D], up [I, D], down [D, I]


class Experts(Protocol):
    """Experts by id: a list of them, or what looks like one."""

    def __getitem__(self, expert: int, /) -> Expert: ...


def mix(x: Tensor, weights: Tensor, ids: Tensor, experts: Experts, activation: Activation) -> Tensor:
    """Σ weight × expert(x) over each token's experts, x [T, D] → [T, D]; only visited experts run, in id order."""
    out = torch.zeros_like(x)
    for expert in torch.unique(ids).tolist():
        rows, column = (ids == expert).nonzero(as_tuple=True)
        gate, up, down = experts[expert]
        mine = x.index_select(0, rows)
        inner = gated(F.linear(mine, gate), F.linear(mine, up), activation)
        out.index_add_(0, rows, F.linear(inner, down) * weights[rows, column, None])
    return out
