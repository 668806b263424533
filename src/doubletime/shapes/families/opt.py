"""OPT: learned positions, layer norms, biases everywhere, an MLP without a gate. Rehearsal only."""

from __future__ import annotations

from doubletime.shapes.common import common
from doubletime.shapes.fields import Fields
from doubletime.shapes.model_shape import Activation, ModelShape, Rope

ARCHITECTURE = "OPTForCausalLM"
_OFFSET = 2  # rows that the table of positions has besides
_WITHOUT_EFFECT = ("dropout", "activation_dropout", "layerdrop", "init_std", "prefix", "output_projection")


def parse(fields: Fields) -> ModelShape:
    for name in ("do_layer_norm_before", "enable_bias", "layer_norm_elementwise_affine"):
        fields.only(name, True)
    fields.only("activation_function", "relu")
    fields.only("word_embed_proj_dim", fields.integer("hidden_size"))
    fields.only("_remove_final_layer_norm", False)
    fields.ignore(*_WITHOUT_EFFECT)
    fields.config = fields.config | {"intermediate_size": fields.integer("ffn_dim"), "rms_norm_eps": 1e-5}
    shared = common(fields, tied=True) | {"attention_bias": True}
    return ModelShape(
        family="opt",
        windows=(0,) * shared["layers"],
        rope=Rope(0.0),
        activation=Activation.RELU,
        gated=False,
        mlp_bias=True,
        norm_bias=True,
        learned_positions=shared["max_position"] + _OFFSET,
        **shared,
    )
