"""Llama 2 and 3.x."""

from __future__ import annotations

from doubletime.shapes.common import common, no_window
from doubletime.shapes.fields import Fields
from doubletime.shapes.model_shape import ModelShape
from doubletime.shapes.rope import read_rope

ARCHITECTURE = "LlamaForCausalLM"


def parse(fields: Fields) -> ModelShape:
    fields.only("hidden_act", "silu")
    fields.only("mlp_bias", False)
    shared = common(fields, tied=False)
    return ModelShape(family="llama", windows=no_window(fields, shared["layers"]), rope=read_rope(fields), **shared)
