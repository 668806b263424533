"""Llama 2 and 3.x, and what is built alike: norm, attention, norm, gated MLP."""

from __future__ import annotations

from doubletime.models.attention import Attention, Place
from doubletime.models.layer import Layer
from doubletime.models.mlp import GatedMLP
from doubletime.models.norm import norm
from doubletime.models.weights import Weights
from doubletime.shapes import ModelShape


def layer(weights: Weights, shape: ModelShape, index: int, place: Place) -> Layer:
    before = norm(weights, "input_layernorm", shape)
    attention = Attention(weights, shape, shape.rope_of(index), place, before)
    mlp = GatedMLP(weights, shape, norm(weights, "post_attention_layernorm", shape))
    return Layer(attention, mlp)
