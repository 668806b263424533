"""DeepSeek-V2: latent attention, and shared beside routed experts in all but the first layers. Rehearsal only.

How tokens choose experts (groups, nodes, scores) and the layer that predicts a second token are left out: neither
changes the sizes of a step.
"""

from __future__ import annotations

from doubletime.shapes.common import common, no_window, quantized
from doubletime.shapes.fields import Fields
from doubletime.shapes.model_shape import Latent, ModelShape, MoE
from doubletime.shapes.rope import rope_without_stretch

ARCHITECTURE = "DeepseekV2ForCausalLM"
_ROUTING = ("n_group", "topk_group", "topk_method", "scoring_func", "routed_scaling_factor", "num_nextn_predict_layers")
_OTHER = ("ep_size", "aux_loss_alpha", "seq_aux", "rope_interleave", "qk_head_dim", "pretraining_tp", "head_dim")


def parse(fields: Fields) -> ModelShape:
    return parse_as(fields, "deepseek_v2")


def parse_as(fields: Fields, family: str) -> ModelShape:
    fields.only("hidden_act", "silu")
    fields.only("moe_layer_freq", 1)
    fields.ignore(*_ROUTING, *_OTHER)
    latent = _latent(fields)
    weights = quantized(fields, "fp8")
    shared = common(fields, tied=False) | {"head_dim": latent.nope + latent.rope}
    layers, dense = shared["layers"], fields.count("first_k_dense_replace")
    return ModelShape(
        family=family,
        windows=no_window(fields, layers),
        rope=rope_without_stretch(fields),
        latent=latent,
        moe=_moe(fields),
        sparse=tuple(layer >= dense for layer in range(layers)),
        weights=weights,
        **shared,
    )


def _latent(fields: Fields) -> Latent:
    return Latent(
        q_rank=fields.count("q_lora_rank"),
        kv_rank=fields.integer("kv_lora_rank"),
        nope=fields.integer("qk_nope_head_dim"),
        rope=fields.integer("qk_rope_head_dim"),
        value=fields.integer("v_head_dim"),
    )


def _moe(fields: Fields) -> MoE:
    width = fields.integer("moe_intermediate_size")
    return MoE(
        experts=fields.integer("n_routed_experts"),
        top_k=fields.integer("num_experts_per_tok"),
        intermediate=width,
        normalize=fields.flag("norm_topk_prob"),
        shared=width * fields.count("n_shared_experts"),
    )
