"""Published shapes by name, as the config.json of each model gives them (the fields that matter)."""

from __future__ import annotations

from typing import Any

from doubletime.shapes.config import shape_from_config
from doubletime.shapes.model_shape import ModelShape

Config = dict[str, Any]


def published_shape(name: str) -> ModelShape:
    """The shape of a published model. Raises ValueError that lists the known names."""
    config = PUBLISHED.get(name.lower())
    if config is None:
        raise ValueError(f"unknown published shape {name!r}; known: {', '.join(sorted(PUBLISHED))}")
    return shape_from_config(config)


def _llama(hidden: int, inner: int, layers: int, heads: int, kv: int, vocab: int, length: int, **more: Any) -> Config:
    return {
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "vocab_size": vocab,
        "max_position_embeddings": length,
        "rms_norm_eps": 1e-5,
        "eos_token_id": 2,
        "torch_dtype": "bfloat16",
    } | more


def _llama3(factor: float, **more: Any) -> Config:
    scaling = {
        "rope_type": "llama3",
        "factor": factor,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    return {"rope_theta": 500_000.0, "rope_scaling": scaling, "eos_token_id": [128001, 128008, 128009]} | more


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


def _qwen3_moe(hidden: int, inner: int, layers: int, heads: int, kv: int, expert: int) -> Config:
    moe = {
        "architectures": ["Qwen3MoeForCausalLM"],
        "num_experts": 128,
        "num_experts_per_tok": 8,
        "moe_intermediate_size": expert,
        "norm_topk_prob": True,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
    }
    return _qwen3(hidden, inner, layers, heads, kv, **moe)


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


_TIED: Config = {"tie_word_embeddings": True}

PUBLISHED: dict[str, Config] = {
    "llama-100m": _llama(768, 2048, 12, 12, 4, 32_000, 2048, **_TIED),
    "tinyllama-1.1b": _llama(2048, 5632, 22, 32, 4, 32_000, 2048),
    "llama-2-7b": _llama(4096, 11_008, 32, 32, 32, 32_000, 4096),
    "llama-3.2-1b": _llama(2048, 8192, 16, 32, 8, 128_256, 131_072, **_llama3(32.0, **_TIED)),
    "llama-3.2-3b": _llama(3072, 8192, 28, 24, 8, 128_256, 131_072, **_llama3(32.0, head_dim=128, **_TIED)),
    "llama-3.1-8b": _llama(4096, 14_336, 32, 32, 8, 128_256, 131_072, **_llama3(8.0)),
    "llama-3.1-70b": _llama(8192, 28_672, 80, 64, 8, 128_256, 131_072, **_llama3(8.0)),
    "qwen3-0.6b": _qwen3(1024, 3072, 28, 16, **_TIED),
    "qwen3-1.7b": _qwen3(2048, 6144, 28, 16, **_TIED),
    "qwen3-4b": _qwen3(2560, 9728, 36, 32, **_TIED),
    "qwen3-8b": _qwen3(4096, 12_288, 36, 32),
    "qwen3-14b": _qwen3(5120, 17_408, 40, 40),
    "qwen3-32b": _qwen3(5120, 25_600, 64, 64),
    "qwen3-30b-a3b": _qwen3_moe(2048, 6144, 48, 32, 4, 768),
    "qwen3-235b-a22b": _qwen3_moe(4096, 12_288, 94, 64, 4, 1536),
    "gemma-3-270m": _gemma3(640, 2048, 18, 4, 1, 512),
    "gemma-3-1b": _gemma3(1152, 6912, 26, 4, 1, 512),
}
