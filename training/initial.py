"""A structured start: the first two layers begin as a lookup circuit, which training then refines.

Attention heads that look things up appear late in training. Here the parts are put in place before it (compare
mimetic initialisation, Trockman and Kolter 2023); MODEL_CARD.md says what is known about how much this matters:

- Embeddings use the first half of the dimensions, plus one dimension that is the same for all tokens.
- Layer 0 looks back by fixed distances: with the constant dimension as query and key, the rotary embedding alone
  decides where a head looks. What it finds goes to dimensions of its own.
- Layer 1 compares those: a position whose token two before is the word that is asked for holds its value.

Everything else starts as usual and the architecture is plain Llama. The circuit's matrices learn at a lower
rate, and the constant stays as it is: without that, the first steps undo the circuit before it is of use.
"""

from __future__ import annotations

import torch
from torch import Tensor

from training.model import Llama

OFFSETS = (1, 2, 6)  # in the chat format the answer starts six tokens after the word that is asked for
CONSTANT = 3.0
LOOK_BACK_GAIN, MATCH_GAIN, COPY_GAIN = 2.8, 2.0, 2.0
FAST_PAIRS = 10  # rotary pairs that tell neighbouring positions apart


def is_circuit(name: str) -> bool:
    """Whether the parameter of this name belongs to the attention of the first two layers."""
    return name.startswith(("layers.0.self_attn", "layers.1.self_attn"))


@torch.no_grad()
def keep_constant(model: Llama) -> None:
    """Drop the gradient of the constant dimension."""
    model.embed_tokens.weight.grad[:, 0] = 0.0


class Plan:
    """Which dimensions hold what: 0 the constant, then the tokens, then one field for each offset."""

    def __init__(self, hidden: int, head_dim: int) -> None:
        self.field = hidden // 6
        self.content = slice(1, hidden // 2)
        self.fields = {o: hidden // 2 + i * self.field for i, o in enumerate(OFFSETS)}
        half, used = head_dim // 2, self.field // 2
        # Dimensions of a head that rotate slowest, so that a comparison works at any distance.
        self.slow = [*range(half - used, half), *range(head_dim - used, head_dim)]

    def offset_field(self, offset: int) -> slice:
        return slice(self.fields[offset], self.fields[offset] + self.field)


def _orthonormal(rows: int, columns: int) -> Tensor:
    return torch.linalg.qr(torch.randn(columns, rows)).Q.T


def _head(weight: Tensor, head: int, size: int) -> Tensor:
    return weight[head * size : (head + 1) * size]


@torch.no_grad()
def install(model: Llama) -> None:
    """Put the circuit into a freshly initialised model with 4 query heads and 2 key heads."""
    config = model.config
    plan = Plan(config.hidden, config.head_dim)
    model.embed_tokens.weight.zero_()
    model.embed_tokens.weight[:, plan.content].normal_(std=1.0)
    model.embed_tokens.weight[:, 0] = CONSTANT
    shown = _orthonormal(plan.field, plan.content.stop - plan.content.start)
    _look_back(model, plan, shown)
    _match(model, plan, shown)


def _look_back(model: Llama, plan: Plan, shown: Tensor) -> None:
    attention, size = model.layers[0].self_attn, model.config.head_dim
    q, k, v, o = (p.weight for p in (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj))
    pairs = torch.arange(FAST_PAIRS)
    speeds = model.config.rope_theta ** (-2.0 * pairs / size)
    for kv in range(model.config.kv_heads):
        _head(k, kv, size).zero_()[:FAST_PAIRS, 0] = LOOK_BACK_GAIN
        _head(v, kv, size)[: plan.field].zero_()[:, plan.content] = shown
    for head, offset in enumerate(OFFSETS):
        query = _head(q, head, size).zero_()
        query[:FAST_PAIRS, 0] = LOOK_BACK_GAIN * torch.cos(offset * speeds)
        query[size // 2 : size // 2 + FAST_PAIRS, 0] = -LOOK_BACK_GAIN * torch.sin(offset * speeds)
        columns = slice(head * size, head * size + plan.field)
        o[plan.offset_field(offset), columns] = torch.eye(plan.field)


def _match(model: Llama, plan: Plan, shown: Tensor) -> None:
    attention, size = model.layers[1].self_attn, model.config.head_dim
    identity = torch.eye(plan.field) * MATCH_GAIN
    queries = [(plan.offset_field(1), identity), (plan.offset_field(6), identity), (plan.content, shown * MATCH_GAIN)]
    for head, (field, reading) in enumerate(queries):
        _put(_head(attention.q_proj.weight, head, size), plan.slow, field, reading)
    for kv, offset in enumerate((2, 1)):
        _put(_head(attention.k_proj.weight, kv, size), plan.slow, plan.offset_field(offset), identity)
        copied = _orthonormal(size, plan.content.stop - plan.content.start)
        _head(attention.v_proj.weight, kv, size).zero_()[:, plan.content] = copied
        for head in (2 * kv, 2 * kv + 1):
            attention.o_proj.weight[plan.content, head * size : (head + 1) * size] = COPY_GAIN * copied.T


def _put(weight: Tensor, rows: list[int], columns: slice, values: Tensor) -> None:
    weight.zero_()
    for row, value in zip(rows, values, strict=True):
        weight[row, columns] = value
