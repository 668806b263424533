"""Gemma 3, the text part."""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]


def _gemma3(hidden: int, inner: int, layers: int, heads: int, kv: int, window: int, **more: Any) -> Config:
    return {
        "architectures": ["Gemma3ForCausalLM"],
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "head_dim": 256,
        "vocab_size": 262_144,
        "max_position_embeddings": 32_768,
        "sliding_window": window,
        "sliding_window_pattern": 6,
        "query_pre_attn_scalar": 256,
        "rope_theta": 1_000_000,
        "rope_local_base_freq": 10_000,
        "rms_norm_eps": 1e-6,
        "eos_token_id": 1,
        "torch_dtype": "bfloat16",
    } | more


def _large(hidden: int, inner: int, layers: int, heads: int, kv: int, **more: Any) -> Config:
    """What was published with a vision part: longer context, window and vocabulary."""
    own = {"vocab_size": 262_208, "max_position_embeddings": 131_072}
    stretch = {"rope_scaling": {"rope_type": "linear", "factor": 8.0}}
    return _gemma3(hidden, inner, layers, heads, kv, 1024, **own, **stretch, **more)


GEMMA: dict[str, Config] = {
    "gemma-3-270m": _gemma3(640, 2048, 18, 4, 1, 512),
    "gemma-3-1b": _gemma3(1152, 6912, 26, 4, 1, 512),
    "gemma-3-4b": _large(2560, 10_240, 34, 8, 4),
    "gemma-3-12b": _large(3840, 15_360, 48, 16, 8),
    "gemma-3-27b": _large(5376, 21_504, 62, 32, 16, head_dim=128, query_pre_attn_scalar=168),
}
