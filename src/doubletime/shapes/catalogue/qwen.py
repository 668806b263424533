"""Qwen2, Qwen2.5 and Qwen3."""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]
_TIED: Config = {"tie_word_embeddings": True}


def _qwen3(hidden: int, inner: int, layers: int, heads: int, kv: int = 8, **more: Any) -> Config:
    return {
        "architectures": ["Qwen3ForCausalLM"],
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "head_dim": 128,
        "vocab_size": 151_936,
        "max_position_embeddings": 40_960,
        "rope_theta": 1_000_000,
        "rms_norm_eps": 1e-6,
        "eos_token_id": 151_645,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
    } | more


def _qwen3_moe(hidden: int, inner: int, layers: int, heads: int, kv: int, expert: int, **more: Any) -> Config:
    moe = {
        "architectures": ["Qwen3MoeForCausalLM"],
        "num_experts": 128,
        "num_experts_per_tok": 8,
        "moe_intermediate_size": expert,
        "norm_topk_prob": True,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
    }
    return _qwen3(hidden, inner, layers, heads, kv, **moe | more)


def _qwen2(hidden: int, inner: int, layers: int, heads: int, kv: int, length: int = 32_768, **more: Any) -> Config:
    own = {"architectures": ["Qwen2ForCausalLM"], "vocab_size": 152_064, "max_position_embeddings": length}
    return _qwen3(hidden, inner, layers, heads, kv, head_dim=None) | own | more


_SMALL: Config = {"vocab_size": 151_936, **_TIED}

QWEN: dict[str, Config] = {
    "qwen2-7b": _qwen2(3584, 18_944, 28, 28, 4, 131_072),
    "qwen2.5-0.5b": _qwen2(896, 4864, 24, 14, 2, **_SMALL),
    "qwen2.5-1.5b": _qwen2(1536, 8960, 28, 12, 2, **_SMALL),
    "qwen2.5-3b": _qwen2(2048, 11_008, 36, 16, 2, **_SMALL),
    "qwen2.5-7b": _qwen2(3584, 18_944, 28, 28, 4),
    "qwen2.5-14b": _qwen2(5120, 13_824, 48, 40, 8),
    "qwen2.5-32b": _qwen2(5120, 27_648, 64, 40, 8),
    "qwen2.5-72b": _qwen2(8192, 29_568, 80, 64, 8),
    "qwen3-0.6b": _qwen3(1024, 3072, 28, 16, **_TIED),
    "qwen3-1.7b": _qwen3(2048, 6144, 28, 16, **_TIED),
    "qwen3-4b": _qwen3(2560, 9728, 36, 32, **_TIED),
    "qwen3-8b": _qwen3(4096, 12_288, 36, 32),
    "qwen3-14b": _qwen3(5120, 17_408, 40, 40),
    "qwen3-32b": _qwen3(5120, 25_600, 64, 64),
    "qwen3-30b-a3b": _qwen3_moe(2048, 6144, 48, 32, 4, 768),
    "qwen3-235b-a22b": _qwen3_moe(4096, 12_288, 94, 64, 4, 1536),
}
