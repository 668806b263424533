"""Mistral: Llama whose first version attends to a window in every layer. Rehearsal only."""

from __future__ import annotations

from doubletime.shapes.common import common
from doubletime.shapes.fields import Fields
from doubletime.shapes.model_shape import ModelShape
from doubletime.shapes.rope import read_rope

ARCHITECTURE = "MistralForCausalLM"


def parse(fields: Fields) -> ModelShape:
    fields.only("hidden_act", "silu")
    shared = common(fields, tied=False)
    window = fields.count("sliding_window")
    return ModelShape(family="mistral", windows=(window,) * shared["layers"], rope=read_rope(fields), **shared)
