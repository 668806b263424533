"""Phi-3 and Phi-4: Llama with fused projections; some see a window. Rehearsal only."""

from __future__ import annotations

from doubletime.shapes.common import common
from doubletime.shapes.fields import Fields
from doubletime.shapes.model_shape import ModelShape
from doubletime.shapes.rope import rope_without_stretch

ARCHITECTURE = "Phi3ForCausalLM"


def parse(fields: Fields) -> ModelShape:
    fields.only("hidden_act", "silu")
    fields.ignore("original_max_position_embeddings", "partial_rotary_factor")
    shared = common(fields, tied=False)
    window = fields.count("sliding_window")
    windows = (0 if window >= shared["max_position"] else window,) * shared["layers"]
    return ModelShape(family="phi3", windows=windows, rope=rope_without_stretch(fields), **shared)
