"""Phi and OPT."""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]


def _phi(hidden: int, inner: int, layers: int, heads: int, kv: int, vocab: int, length: int) -> Config:
    return {
        "architectures": ["Phi3ForCausalLM"],
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "vocab_size": vocab,
        "max_position_embeddings": length,
        "rms_norm_eps": 1e-5,
        "torch_dtype": "bfloat16",
    }


def _opt(hidden: int, layers: int, heads: int) -> Config:
    return {
        "architectures": ["OPTForCausalLM"],
        "hidden_size": hidden,
        "ffn_dim": 4 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "word_embed_proj_dim": hidden,
        "vocab_size": 50_272,
        "max_position_embeddings": 2048,
        "eos_token_id": 2,
        "torch_dtype": "float16",
    }


OTHERS: dict[str, Config] = {
    "phi-4": _phi(5120, 17_920, 40, 40, 10, 100_352, 16_384),
    "opt-6.7b": _opt(4096, 32, 32),
    "opt-13b": _opt(5120, 40, 40),
    "opt-30b": _opt(7168, 48, 56),
    "opt-66b": _opt(9216, 64, 72),
}
