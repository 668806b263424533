"""Mixtures of experts that are not Qwen's."""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]


def _mixtral(hidden: int, inner: int, layers: int, heads: int, vocab: int, length: int) -> Config:
    return {
        "architectures": ["MixtralForCausalLM"],
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": 8,
        "num_local_experts": 8,
        "num_experts_per_tok": 2,
        "vocab_size": vocab,
        "max_position_embeddings": length,
        "rope_theta": 1_000_000,
        "rms_norm_eps": 1e-5,
        "eos_token_id": 2,
        "torch_dtype": "bfloat16",
    }


def _gpt_oss(layers: int, experts: int) -> Config:
    return {
        "architectures": ["GptOssForCausalLM"],
        "hidden_size": 2880,
        "intermediate_size": 2880,
        "num_hidden_layers": layers,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
        "head_dim": 64,
        "attention_bias": True,
        "num_local_experts": experts,
        "num_experts_per_tok": 4,
        "vocab_size": 201_088,
        "max_position_embeddings": 131_072,
        "sliding_window": 128,
        "rope_theta": 150_000,
        "rms_norm_eps": 1e-5,
        "eos_token_id": 200_002,
        "quantization_config": {"quant_method": "mxfp4"},
        "torch_dtype": "bfloat16",
    }


def _deepseek(family: str, hidden: int, inner: int, layers: int, heads: int, vocab: int, **more: Any) -> Config:
    return {
        "architectures": [family],
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "vocab_size": vocab,
        "max_position_embeddings": 163_840,
        "kv_lora_rank": 512,
        "q_lora_rank": 1536,
        "qk_nope_head_dim": 128,
        "qk_rope_head_dim": 64,
        "v_head_dim": 128,
        "first_k_dense_replace": 1,
        "rms_norm_eps": 1e-6,
        "torch_dtype": "bfloat16",
    } | more


def _routed(experts: int, top_k: int, width: int, shared: int) -> Config:
    return {
        "n_routed_experts": experts,
        "num_experts_per_tok": top_k,
        "moe_intermediate_size": width,
        "n_shared_experts": shared,
    }


_V2, _V3 = "DeepseekV2ForCausalLM", "DeepseekV3ForCausalLM"
_FP8: Config = {"norm_topk_prob": True, "quantization_config": {"quant_method": "fp8"}}
_DEEPSEEK_V3 = _deepseek(
    _V3, 7168, 18_432, 61, 128, 129_280, **_routed(256, 8, 2048, 1), **_FP8, first_k_dense_replace=3, eos_token_id=1
)

EXPERTS: dict[str, Config] = {
    "mixtral-8x7b": _mixtral(4096, 14_336, 32, 32, 32_000, 32_768),
    "mixtral-8x22b": _mixtral(6144, 16_384, 56, 48, 32_768, 65_536),
    "gpt-oss-20b": _gpt_oss(24, 32),
    "gpt-oss-120b": _gpt_oss(36, 128),
    "deepseek-v2-lite": _deepseek(_V2, 2048, 10_944, 27, 16, 102_400, **_routed(64, 6, 1408, 2), q_lora_rank=None),
    "deepseek-v2": _deepseek(_V2, 5120, 12_288, 60, 128, 102_400, **_routed(160, 6, 1536, 2)),
    "deepseek-v3": _DEEPSEEK_V3,
    "deepseek-r1": _DEEPSEEK_V3,
    "kimi-k2": _deepseek(
        _V3, 7168, 18_432, 61, 64, 163_840, **_routed(384, 8, 2048, 1), **_FP8, max_position_embeddings=131_072
    ),
}
