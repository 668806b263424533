"""Llama and what is built like it."""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]
_TIED: Config = {"tie_word_embeddings": True}


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


def _mistral(hidden: int, inner: int, layers: int, heads: int, vocab: int, length: int, **more: Any) -> Config:
    own = {"architectures": ["MistralForCausalLM"], "rope_theta": 1e6, "head_dim": 128}
    return _llama(hidden, inner, layers, heads, 8, vocab, length, **own) | more


LLAMA: dict[str, Config] = {
    "llama-100m": _llama(768, 2048, 12, 12, 4, 32_000, 2048, **_TIED),
    "tinyllama-1.1b": _llama(2048, 5632, 22, 32, 4, 32_000, 2048),
    "llama-2-7b": _llama(4096, 11_008, 32, 32, 32, 32_000, 4096),
    "llama-2-13b": _llama(5120, 13_824, 40, 40, 40, 32_000, 4096),
    "llama-2-70b": _llama(8192, 28_672, 80, 64, 8, 32_000, 4096),
    "codellama-34b": _llama(8192, 22_016, 48, 64, 8, 32_000, 16_384, rope_theta=1e6),
    "llama-3.2-1b": _llama(2048, 8192, 16, 32, 8, 128_256, 131_072, **_llama3(32.0, **_TIED)),
    "llama-3.2-3b": _llama(3072, 8192, 28, 24, 8, 128_256, 131_072, **_llama3(32.0, head_dim=128, **_TIED)),
    "llama-3.1-8b": _llama(4096, 14_336, 32, 32, 8, 128_256, 131_072, **_llama3(8.0)),
    "llama-3.1-70b": _llama(8192, 28_672, 80, 64, 8, 128_256, 131_072, **_llama3(8.0)),
    "llama-3.3-70b": _llama(8192, 28_672, 80, 64, 8, 128_256, 131_072, **_llama3(8.0)),
    "llama-3.1-405b": _llama(16_384, 53_248, 126, 128, 8, 128_256, 131_072, **_llama3(8.0)),
    "mistral-7b": _mistral(4096, 14_336, 32, 32, 32_768, 32_768),  # v0.3; only v0.1 has a window
    "mistral-nemo-12b": _mistral(5120, 14_336, 40, 32, 131_072, 131_072),
    "mistral-small-24b": _mistral(5120, 32_768, 40, 32, 131_072, 32_768, rope_theta=1e8),
    "mistral-large-123b": _mistral(12_288, 28_672, 88, 96, 32_768, 131_072),
}
