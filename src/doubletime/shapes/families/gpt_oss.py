"""GPT-OSS: every other layer sees a window, heads have sinks, experts have biases and 4-bit weights. Rehearsal only."""

from __future__ import annotations

from doubletime.shapes.common import common, quantized, windows_by_type
from doubletime.shapes.fields import Fields
from doubletime.shapes.model_shape import ModelShape, MoE
from doubletime.shapes.rope import rope_without_stretch

ARCHITECTURE = "GptOssForCausalLM"


def parse(fields: Fields) -> ModelShape:
    fields.only("hidden_act", "silu")
    fields.ignore("swiglu_limit", "swiglu_alpha", "initial_context_length", "experts_per_token")
    weights = quantized(fields, "mxfp4")
    shared = common(fields, tied=False)
    moe = MoE(
        experts=fields.integer("num_local_experts"),
        top_k=fields.integer("num_experts_per_tok"),
        intermediate=shared["intermediate"],
        normalize=True,
        weights=weights,
    )
    alternate = [("sliding_attention", "full_attention")[layer % 2] for layer in range(shared["layers"])]
    return ModelShape(
        family="gpt_oss",
        windows=windows_by_type(fields, fields.integer("sliding_window", 128), alternate),
        rope=rope_without_stretch(fields, 150_000.0),
        mlp_bias=True,
        sinks=True,
        moe=moe,
        **shared,
    )
