"""Gemma 3, text: each block sits between two norms; window layers have a rope of their own."""

from __future__ import annotations

from doubletime.models.attention import Attention, Place
from doubletime.models.layer import Layer
from doubletime.models.mlp import GatedMLP
from doubletime.models.norm import norm
from doubletime.models.weights import Weights
from doubletime.shapes import ModelShape


def layer(weights: Weights, shape: ModelShape, index: int, place: Place) -> Layer:
    entry, middle = norm(weights, "input_layernorm", shape), norm(weights, "post_attention_layernorm", shape)
    lower, end = (norm(weights, f"{side}_feedforward_layernorm", shape) for side in ("pre", "post"))
    attention = Attention(weights, shape, shape.rope_of(index), place, entry, middle)
    return Layer(attention, GatedMLP(weights, shape, lower, end))
