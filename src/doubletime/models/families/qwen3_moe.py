"""Qwen3-MoE: Qwen3 with a mixture of experts in the layers that its shape calls sparse."""

from __future__ import annotations

from doubletime.models.attention import Attention, Place
from doubletime.models.families import llama
from doubletime.models.layer import Layer
from doubletime.models.mlp import ExpertMLP
from doubletime.models.norm import norm
from doubletime.models.weights import Weights
from doubletime.shapes import ModelShape


def layer(weights: Weights, shape: ModelShape, index: int, place: Place) -> Layer:
    if shape.moe is None or not shape.is_sparse(index):
        return llama.layer(weights, shape, index, place)
    before = norm(weights, "input_layernorm", shape)
    attention = Attention(weights, shape, shape.rope_of(index), place, before)
    experts = ExpertMLP(weights, shape, shape.moe, norm(weights, "post_attention_layernorm", shape))
    return Layer(attention, experts)
