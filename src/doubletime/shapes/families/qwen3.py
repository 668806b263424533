"""Qwen3, dense: Llama with a norm on each head's query and key."""

from __future__ import annotations

from doubletime.shapes.common import common, no_window
from doubletime.shapes.fields import Fields
from doubletime.shapes.model_shape import ModelShape
from doubletime.shapes.rope import read_rope

ARCHITECTURE = "Qwen3ForCausalLM"


def parse(fields: Fields) -> ModelShape:
    fields.only("hidden_act", "silu")
    shared = common(fields, tied=False)
    windows = no_window(fields, shared["layers"])
    return ModelShape(family="qwen3", windows=windows, rope=read_rope(fields), qk_norm=True, **shared)
