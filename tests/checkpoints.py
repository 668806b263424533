"""Tiny random checkpoints of every family, made and judged by transformers: the oracle of all parity tests.

Their weights are scaled so that greedy output varies. A checkpoint is made once a session, in a folder of its own.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

TIE = 1e-5  # a token may differ from the oracle's where its two best logits are this close

BASE: dict[str, Any] = {
    "vocab_size": 256,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 1024,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
LINEAR = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}
WINDOWS = ["sliding_attention", "full_attention", "sliding_attention", "full_attention"]
GEMMA3 = {"sliding_window": 16, "num_hidden_layers": 4, "layer_types": WINDOWS, "query_pre_attn_scalar": 24}
MOE = {"num_experts": 8, "num_experts_per_tok": 3, "moe_intermediate_size": 24, "norm_topk_prob": True}

VARIANTS: dict[str, dict[str, Any]] = {
    "llama": {"model_type": "llama"},
    "llama-tied-sharded": {"model_type": "llama", "tie_word_embeddings": True, "sharded": True},
    "llama-linear": {"model_type": "llama", "rope_parameters": LINEAR, "num_key_value_heads": 1},
    "llama-llama3": {"model_type": "llama", "rope_parameters": LLAMA3, "num_key_value_heads": 4},
    "llama-bias": {"model_type": "llama", "attention_bias": True},
    "qwen3": {"model_type": "qwen3", "head_dim": 24},
    "qwen3-tied": {"model_type": "qwen3", "tie_word_embeddings": True, "sharded": True},
    "gemma3": {"model_type": "gemma3_text"} | GEMMA3,
    "gemma3-untied-linear": {
        "model_type": "gemma3_text",
        "tie_word_embeddings": False,
        "rope_parameters": {
            "full_attention": LINEAR,
            "sliding_attention": {"rope_type": "default", "rope_theta": 1000.0},
        },
    }
    | GEMMA3,
    "qwen3_moe": {"model_type": "qwen3_moe"} | MOE,
    "qwen3_moe-mixed": {"model_type": "qwen3_moe", "mlp_only_layers": [1], "sharded": True}
    | MOE
    | {"norm_topk_prob": False},
}
FAMILIES = ("llama", "qwen3", "gemma3", "qwen3_moe")


@cache
def checkpoint(name: str) -> Path:
    """The folder of a variant."""
    return make_checkpoint(session_folder() / name, **VARIANTS[name])


def make_checkpoint(path: Path, model_type: str, *, sharded: bool = False, seed: int = 0, **fields: Any) -> Path:
    """A checkpoint of `model_type` whose config has `fields` beside BASE."""
    config = AutoConfig.for_model(model_type, **(BASE | {"bos_token_id": None, "eos_token_id": 2} | fields))
    model = AutoModelForCausalLM.from_config(config)
    _scale(model, seed)
    model.save_pretrained(path, max_shard_size="64KB" if sharded else "1GB")
    return path


@cache
def oracle(name: str) -> PreTrainedModel:
    """transformers' model of a variant, float32."""
    return AutoModelForCausalLM.from_pretrained(checkpoint(name), dtype=torch.float32).eval()


@lru_cache(maxsize=4096)
def greedy(name: str, prompt: tuple[int, ...], count: int) -> tuple[int, ...]:
    """The oracle's next `count` tokens, whatever they are (no end token)."""
    ids = torch.tensor([prompt])
    out = oracle(name).generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=count,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )
    tokens: list[int] = out[0, len(prompt) :].tolist()
    return tuple(tokens)


@torch.inference_mode()
def oracle_logits(name: str, tokens: Sequence[int]) -> torch.Tensor:
    """The oracle's logits after the last of `tokens`, [vocab]."""
    return oracle(name)(torch.tensor([list(tokens)])).logits[0, -1].float()


def first_difference(name: str, prompt: Sequence[int], got: Sequence[int]) -> int | None:
    """Where `got` leaves the oracle's path, None if it does not. Fails unless the oracle's two best logits tie there.

    What follows a tie is another text, and is not compared.
    """
    expected = greedy(name, tuple(prompt), len(got))
    where = next((i for i, pair in enumerate(zip(got, expected, strict=True)) if pair[0] != pair[1]), None)
    if where is None:
        return None
    best, ids = oracle_logits(name, [*prompt, *expected[:where]]).topk(2)
    gap = float(best[0] - best[1])
    assert gap <= TIE, f"{name}: token {where} is {got[where]}, not {expected[where]}; gap {gap}"
    assert got[where] in ids.tolist(), f"{name}: token {where} is {got[where]}, not among {ids.tolist()}"
    print(f"near tie in {name} at token {where}: {got[where]} for {expected[where]}, gap {gap}")
    return where


def random_prompts(count: int, lengths: Sequence[int], seed: int = 0, vocab: int = 256) -> list[list[int]]:
    """`count` prompts of random tokens, their lengths taken in turn."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(3, vocab, (lengths[i % len(lengths)],), generator=generator).tolist() for i in range(count)]


@cache
def session_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="doubletime-checkpoints-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _scale(model: PreTrainedModel, seed: int) -> None:
    """Random weights with varied output. A tied embedding is kept small, lest each token predict itself."""
    generator = torch.Generator().manual_seed(seed)
    tied = model.config.tie_word_embeddings
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "embed_tokens" in name:
            value = noise * (0.01 if tied else 0.5)
        elif parameter.dim() > 1:
            value = noise * (4.0 if "experts" in name else 2.0) * parameter.shape[-1] ** -0.5
        elif name.endswith("bias"):
            value = noise * 0.3
        else:
            value = parameter.data + noise * 0.2
        if name == "model.norm.weight" and tied:
            value = value + 24.0
        if name.endswith(("q_norm.weight", "k_norm.weight")):
            value = value + 0.7  # sharper attention
        parameter.data.copy_(value)
