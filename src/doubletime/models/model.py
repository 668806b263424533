"""A model: embedding, operators, logits."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from doubletime.kernels.layout import Layout
from doubletime.kernels.reference import frequencies, rope_table
from doubletime.models.attention import Place
from doubletime.models.families import LAYERS
from doubletime.models.layer import Layer
from doubletime.models.norm import norm
from doubletime.models.state import Context, State
from doubletime.models.weights import Weights
from doubletime.shapes import POINTS_PER_LAYER, ModelShape, kv_groups


class Model:
    """A decoder as a list of operators: depth d is the number of operators done, `operators[d]` is the next one."""

    def __init__(self, shape: ModelShape, weights: Weights) -> None:
        self.shape = shape
        self.embedding = weights["model.embed_tokens.weight"]
        self.head = self.embedding if shape.tied else weights["lm_head.weight"]
        self.final_norm = norm(weights, "model.norm", shape)
        self.embedding_scale = torch.tensor(shape.embedding_scale, dtype=self.dtype, device=self.device)
        self.operators = [operator for layer in layers(shape, weights) for operator in layer.operators]
        assert len(self.operators) == shape.layers * POINTS_PER_LAYER
        ropes = {shape.rope_of(layer) for layer in range(shape.layers)}
        self.frequencies = {rope: frequencies(rope, shape.head_dim).to(self.device) for rope in ropes}

    @property
    def depth(self) -> int:
        """Operators from the embedding to the head."""
        return len(self.operators)

    @property
    def kv_dtype(self) -> torch.dtype:
        """Of keys and values."""
        return self.dtype

    @property
    def kv_bytes(self) -> float:
        """Bytes of KV for each number in it."""
        return self.dtype.itemsize

    @property
    def dtype(self) -> torch.dtype:
        return self.embedding.dtype

    @property
    def device(self) -> torch.device:
        return self.embedding.device

    def embed(self, tokens: Tensor) -> State:
        """Token ids [T] → the state at depth 0."""
        hidden = F.embedding(tokens, self.embedding)
        return State(hidden if self.shape.embedding_scale == 1.0 else hidden * self.embedding_scale)

    def context(self, positions: Tensor, layouts: tuple[Layout, ...], caches: tuple[Tensor, ...]) -> Context:
        """What the operators share while they work on rows at `positions` [T] (int64)."""
        tables = {rope: rope_table(positions, each, self.dtype) for rope, each in self.frequencies.items()}
        return Context(layouts, caches, tables)

    def final(self, hidden: Tensor) -> Tensor:
        """Hidden rows [N, hidden] at full depth → what the head sees of them, [N, hidden] in float32."""
        return self.final_norm(hidden).float()

    def logits(self, hidden: Tensor) -> Tensor:
        """Hidden rows [N, hidden] at full depth → logits [N, vocab] in float32."""
        return F.linear(self.final_norm(hidden), self.head).float()


def places(shape: ModelShape) -> dict[int, Place]:
    """Where each layer keeps its KV."""
    return {
        layer: Place(number, index)
        for number, group in enumerate(kv_groups(shape))
        for index, layer in enumerate(group.layers)
    }


def layers(shape: ModelShape, weights: Weights) -> Iterator[Layer]:
    """The layers from the first to the last, each with its weights read when it is reached."""
    build, own = LAYERS[shape.family], places(shape)
    for layer in range(shape.layers):
        yield build(weights.under(f"model.layers.{layer}"), shape, layer, own[layer])
