"""Qwen2 and Qwen2.5: Llama with a bias on query, key and value. Rehearsal only."""

from __future__ import annotations

from doubletime.shapes.common import common, no_window
from doubletime.shapes.fields import Fields
from doubletime.shapes.model_shape import ModelShape
from doubletime.shapes.rope import read_rope

ARCHITECTURE = "Qwen2ForCausalLM"


def parse(fields: Fields) -> ModelShape:
    fields.only("hidden_act", "silu")
    shared = common(fields, tied=False)
    windows = no_window(fields, shared["layers"])
    return ModelShape(family="qwen2", windows=windows, rope=read_rope(fields), qkv_bias=True, **shared)
