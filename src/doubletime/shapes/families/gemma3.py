"""Gemma 3, text only: most layers see a window, norms on both sides of each block, scaled embeddings."""

from __future__ import annotations

from doubletime.shapes.common import common, windows_by_type
from doubletime.shapes.fields import Fields, unsupported
from doubletime.shapes.model_shape import Activation, ModelShape, Rope
from doubletime.shapes.rope import parse_rope

ARCHITECTURE = "Gemma3ForCausalLM"
_DEFAULTS = {"head_dim": 256, "num_attention_heads": 8, "num_key_value_heads": 4, "max_position_embeddings": 131_072}


def parse(fields: Fields) -> ModelShape:
    _refuse(fields)
    fields.config = _DEFAULTS | {name: value for name, value in fields.config.items() if value is not None}
    shared = common(fields, tied=True)
    rope, local = _ropes(fields)
    return ModelShape(
        family="gemma3",
        windows=_windows(fields, shared["layers"]),
        rope=rope,
        local_rope=local,
        activation=Activation.GELU_TANH,
        attention_scale=fields.number("query_pre_attn_scalar", 256) ** -0.5,
        qk_norm=True,
        unit_offset_norm=True,
        sandwich_norms=True,
        embedding_scale=shared["hidden"] ** 0.5,
        **shared,
    )


def _refuse(fields: Fields) -> None:
    fields.only("hidden_activation", "gelu_pytorch_tanh")
    fields.only("hidden_act", "gelu_pytorch_tanh")
    fields.only("use_bidirectional_attention", False)
    fields.only("attn_logit_softcapping")
    fields.only("final_logit_softcapping")


def _windows(fields: Fields, layers: int) -> tuple[int, ...]:
    window = fields.integer("sliding_window", 4096)
    period = fields.get("sliding_window_pattern", fields.get("_sliding_window_pattern", 6))
    default = ["full_attention" if (layer + 1) % period == 0 else "sliding_attention" for layer in range(layers)]
    return windows_by_type(fields, window, default)


def _ropes(fields: Fields) -> tuple[Rope, Rope]:
    """The rope of the full layers, which long context stretches, and that of the window layers, which it does not."""
    theta, local = fields.number("rope_theta", 1e6), fields.number("rope_local_base_freq", 1e4)
    old, by_kind = fields.get("rope_scaling", {}), fields.get("rope_parameters", None)
    if by_kind is None:
        return parse_rope("rope_scaling", old, theta), Rope(local)
    if by_kind.keys() != {"full_attention", "sliding_attention"}:
        raise unsupported("rope_parameters", by_kind, "one entry for each layer type is needed")
    full = parse_rope("rope_parameters.full_attention", by_kind["full_attention"], theta)
    return full, parse_rope("rope_parameters.sliding_attention", by_kind["sliding_attention"], local)
