"""Mixtral: Llama with a mixture of experts in every layer. Rehearsal only."""

from __future__ import annotations

from doubletime.shapes.common import common, no_window
from doubletime.shapes.fields import Fields
from doubletime.shapes.model_shape import ModelShape, MoE
from doubletime.shapes.rope import read_rope

ARCHITECTURE = "MixtralForCausalLM"


def parse(fields: Fields) -> ModelShape:
    fields.only("hidden_act", "silu")
    fields.ignore("router_jitter_noise")
    shared = common(fields, tied=False)
    moe = MoE(
        experts=fields.integer("num_local_experts", 8),
        top_k=fields.integer("num_experts_per_tok", 2),
        intermediate=shared["intermediate"],
        normalize=True,
    )
    windows = no_window(fields, shared["layers"])
    return ModelShape(family="mixtral", windows=windows, rope=read_rope(fields, 1e6), moe=moe, **shared)
