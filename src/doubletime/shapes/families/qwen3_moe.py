"""Qwen3-MoE: Qwen3 with a mixture of experts in most layers."""

from __future__ import annotations

from doubletime.shapes.common import common, no_window
from doubletime.shapes.fields import Fields
from doubletime.shapes.model_shape import ModelShape, MoE
from doubletime.shapes.rope import read_rope

ARCHITECTURE = "Qwen3MoeForCausalLM"


def parse(fields: Fields) -> ModelShape:
    fields.only("hidden_act", "silu")
    shared = common(fields, tied=False)
    layers = shared["layers"]
    return ModelShape(
        family="qwen3_moe",
        windows=no_window(fields, layers),
        rope=read_rope(fields),
        qk_norm=True,
        moe=_moe(fields),
        sparse=_sparse(fields, layers),
        **shared,
    )


def _moe(fields: Fields) -> MoE:
    experts = fields.get("num_experts", None) or fields.integer("num_local_experts")
    fields.ignore("num_local_experts")  # the spelling of transformers 5
    normalize = fields.flag("norm_topk_prob")
    return MoE(experts, fields.integer("num_experts_per_tok"), fields.integer("moe_intermediate_size"), normalize)


def _sparse(fields: Fields, layers: int) -> tuple[bool, ...]:
    step, dense = fields.integer("decoder_sparse_step", 1), fields.get("mlp_only_layers", [])
    return tuple(layer not in dense and (layer + 1) % step == 0 for layer in range(layers))
