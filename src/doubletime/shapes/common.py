"""What the configs of all families have in common."""

from __future__ import annotations

from typing import Any

from doubletime.shapes.fields import Fields, eos_ids, unsupported

_DTYPES = ("float32", "bfloat16", "float16")


def common(fields: Fields, *, tied: bool) -> dict[str, Any]:
    """Keyword arguments of ModelShape that every family spells alike. `tied` is the family's default."""
    hidden, heads = fields.integer("hidden_size"), fields.integer("num_attention_heads")
    fields.only("pretraining_tp", 1)
    if "quantization_config" not in fields.read:
        fields.only("quantization_config")
    return {
        "layers": fields.integer("num_hidden_layers"),
        "hidden": hidden,
        "heads": heads,
        "kv_heads": fields.integer("num_key_value_heads", heads),
        "head_dim": fields.integer("head_dim", max(1, hidden // heads)),
        "intermediate": fields.integer("intermediate_size"),
        "vocab": fields.integer("vocab_size"),
        "norm_eps": fields.number("rms_norm_eps", 1e-6),
        "max_position": fields.integer("max_position_embeddings", 2048),
        "attention_bias": fields.flag("attention_bias"),
        "tied": fields.flag("tie_word_embeddings", tied),
        "eos": eos_ids(fields.get("eos_token_id", None)),
        "dtype": _dtype(fields),
    }


def no_window(fields: Fields, layers: int) -> tuple[int, ...]:
    """Every layer attends to everything: any setting that says otherwise is refused."""
    fields.only("use_sliding_window", False)
    fields.ignore("sliding_window", "max_window_layers")  # without effect unless use_sliding_window
    full = ["full_attention"] * layers
    types = fields.get("layer_types", full)
    if types != full:
        raise unsupported("layer_types", types, f"this family has full attention in all {layers} layers")
    return (0,) * layers


def windows_by_type(fields: Fields, window: int, default: list[str]) -> tuple[int, ...]:
    """Each layer's window from `layer_types`: `window` where it slides, else 0."""
    types = fields.get("layer_types", default)
    kinds = {"full_attention": 0, "sliding_attention": window}
    if not set(types) <= kinds.keys():
        raise unsupported("layer_types", types, f"supported: {', '.join(kinds)}")
    return tuple(kinds[name] for name in types)


def quantized(fields: Fields, method: str) -> str:
    """`method` where the weights were published in that format, "" where they were not; any other is refused."""
    settings = fields.get("quantization_config", {})
    found = settings.get("quant_method", "")
    if found not in ("", method):
        raise unsupported("quantization_config", settings, f"supported: {method!r} or absent")
    return str(found)


def _dtype(fields: Fields) -> str:
    old = fields.get("torch_dtype", "float32")
    name = str(fields.get("dtype", old)).removeprefix("torch.")
    if name not in _DTYPES:
        field = "torch_dtype" if name == old else "dtype"
        raise unsupported(field, name, f"supported: {', '.join(_DTYPES)}")
    return name
