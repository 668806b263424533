"""Tiny checkpoints with the same weights everywhere and for ever: what the fixtures were converted from."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from doubletime.shapes import ModelShape, shape_from_config, tensors

_BASE: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-5,
    "eos_token_id": 2,
    "dtype": "float32",
}
_LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
_LINEAR = {"rope_type": "linear", "rope_theta": 1000000.0, "factor": 4.0}
_LOCAL = {"rope_type": "default", "rope_theta": 10000.0}
_LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
CONFIGS: dict[str, dict[str, Any]] = {
    "llama": _BASE | _LLAMA | {"rope_parameters": _LLAMA3},
    "llama-bias": _BASE | _LLAMA | {"attention_bias": True, "tie_word_embeddings": True},
    "llama-mixed": _BASE
    | _LLAMA
    | {"hidden_size": 256, "intermediate_size": 32, "num_hidden_layers": 1, "tie_word_embeddings": True},
    "qwen3": _BASE
    | {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "head_dim": 24, "rope_theta": 1000000.0},
    "qwen3moe": _BASE
    | {
        "model_type": "qwen3_moe",
        "architectures": ["Qwen3MoeForCausalLM"],
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 16,
        "norm_topk_prob": True,
    },
    "gemma3": _BASE
    | {
        "model_type": "gemma3_text",
        "architectures": ["Gemma3ForCausalLM"],
        "num_hidden_layers": 7,
        "intermediate_size": 32,
        "query_pre_attn_scalar": 16,
        "sliding_window": 8,
        "hidden_activation": "gelu_pytorch_tanh",
        "rope_parameters": {"full_attention": _LINEAR, "sliding_attention": _LOCAL},
        "layer_types": ["full_attention" if layer == 5 else "sliding_attention" for layer in range(7)],
    },
}


def tiny_shape(name: str) -> ModelShape:
    return shape_from_config(CONFIGS[name])


def weights(name: str) -> dict[str, Tensor]:
    """The tensors by name, float32; each number is one of float16's, so files in float16 lose nothing."""
    return {tensor: _tensor(tensor, size) for tensor, size in tensors(tiny_shape(name)).items()}


def save(folder: Path, name: str, values: dict[str, Tensor] | None = None) -> Path:
    """A Hugging Face checkpoint with these weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIGS[name]))
    save_file(values or weights(name), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _tensor(name: str, size: tuple[int, ...]) -> Tensor:
    """RandomState's stream is frozen: numpy promises that it never changes."""
    noise = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(size)
    scale = 2.0 * size[-1] ** -0.5 if len(size) > 1 else 0.2
    return torch.from_numpy(noise * scale + (0.5 if name.endswith("norm.weight") else 0.0)).half().float()
