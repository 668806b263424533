"""Models that are run to be measured: random weights, sizes chosen to tell the terms of the cost model apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from doubletime.models.random_weights import random_tensors
from doubletime.shapes import ModelShape, shape_from_config

Config = dict[str, Any]


def config(architecture: str, hidden: int, inner: int, layers: int, heads: tuple[int, int, int], vocab: int) -> Config:
    """A config.json of `heads` (query heads, KV heads, head dim)."""
    return {
        "architectures": [f"{architecture}ForCausalLM"],
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads[0],
        "num_key_value_heads": heads[1],
        "head_dim": heads[2],
        "vocab_size": vocab,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10_000.0,
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
    }


_WINDOWS = {"sliding_window": 128, "sliding_window_pattern": 3, "query_pre_attn_scalar": 96}
_EXPERTS = {
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 208,
    "norm_topk_prob": True,
    "decoder_sparse_step": 1,
    "mlp_only_layers": [],
}

SUBJECTS: dict[str, Config] = {
    "small": config("Llama", 192, 544, 5, (6, 3, 32), 2048),
    "wide": config("Llama", 512, 1408, 6, (8, 2, 64), 16_000),
    "plain-heads": config("Qwen3", 320, 960, 5, (4, 4, 64), 8000),
    "windows": config("Gemma3", 256, 1024, 6, (4, 1, 96), 12_000) | _WINDOWS,
    "experts": config("Qwen3Moe", 384, 768, 4, (6, 2, 64), 4096) | _EXPERTS,
    "many-experts": config("Qwen3Moe", 320, 640, 3, (4, 2, 64), 4096)
    | _EXPERTS
    | {"num_experts": 32, "num_experts_per_tok": 4, "moe_intermediate_size": 96},
    "large": config("Llama", 1024, 2816, 5, (16, 8, 64), 20_000),
}
QUICK: dict[str, Config] = {
    "tiny": config("Llama", 64, 160, 2, (4, 2, 16), 256),
    "tiny-experts": config("Qwen3Moe", 64, 96, 2, (4, 2, 16), 256) | _EXPERTS | {"moe_intermediate_size": 48},
}


def checkpoint(own: Config, folder: Path, seed: int = 0) -> Path:
    """Writes a checkpoint of these sizes with random weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(own), encoding="utf-8")
    save_file(random_tensors(shape_of(own), seed), str(folder / "model.safetensors"))
    return folder


def shape_of(own: Config) -> ModelShape:
    return shape_from_config(own)
