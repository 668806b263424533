"""The models that every engine runs: real shapes, random weights from a seed, as a Hugging Face folder in bfloat16."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from benchmarks.peerbench.vocabulary import hugging_face
from doubletime.models.random_weights import random_tensors
from doubletime.shapes.config import shape_from_config
from doubletime.shapes.published import PUBLISHED

Config = dict[str, Any]
READY = "ready"  # written last: a folder without it was left half made

LLAMA_100M: Config = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 768,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "num_key_value_heads": 4,
    "head_dim": 64,
    "vocab_size": 32_000,
    "max_position_embeddings": 8192,
    "rope_theta": 10_000.0,
    "rms_norm_eps": 1e-5,
}
QWEN3: Config = {"model_type": "qwen3", "attention_bias": False} | PUBLISHED["qwen3-0.6b"]
QWEN3_MOE: Config = {
    "architectures": ["Qwen3MoeForCausalLM"],
    "model_type": "qwen3_moe",
    "attention_bias": False,
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 128,
    "num_experts": 32,
    "num_experts_per_tok": 4,
    "moe_intermediate_size": 512,
    "norm_topk_prob": True,
    "decoder_sparse_step": 1,
    "mlp_only_layers": [],
    "vocab_size": 32_000,
    "max_position_embeddings": 8192,
    "rope_theta": 1_000_000.0,
    "rms_norm_eps": 1e-6,
}
_COMMON: Config = {
    "hidden_act": "silu",
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "bos_token_id": 1,
    "eos_token_id": 2,
}
CONFIGS: dict[str, Config] = {
    "llama-100m": LLAMA_100M | _COMMON,
    "qwen3-0.6b": QWEN3 | _COMMON,
    "qwen3-moe-0.7b": QWEN3_MOE | _COMMON,  # 668 million weights, 32 experts of which a token uses 4
}


def checkpoint(name: str, cache: Path, seed: int = 0) -> Path:
    """The folder of a model, made on the first call: config.json, model.safetensors, tokenizer.json."""
    folder = cache / "models" / name
    if (folder / READY).exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    config = CONFIGS[name]
    weights = random_tensors(shape_from_config(config), seed)
    save_file({key: value.to(torch.bfloat16) for key, value in weights.items()}, folder / "model.safetensors")
    files = {"config.json": config, **hugging_face(config["vocab_size"])}
    for file, content in files.items():
        (folder / file).write_text(json.dumps(content))
    (folder / READY).touch()
    return folder
