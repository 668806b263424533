"""A GGUF header → the config.json that it stands for → a ModelShape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from doubletime.shapes.config import shape_from_config
from doubletime.shapes.gguf.file import GGUF
from doubletime.shapes.gguf.keys import Keys
from doubletime.shapes.gguf.rope import rope_settings, theta
from doubletime.shapes.gguf.tensor_types import TensorType
from doubletime.shapes.model_shape import ModelShape, UnsupportedModel

EMBEDDING, HEAD = "token_embd.weight", "output.weight"
_MOST_LAYERS = 4096  # any more are damage, and would fill the memory
_GEMMA3_PERIOD = 6  # every sixth layer sees everything; files say nothing of it
_GEMMA3_27B_LAYERS = 62  # the one size whose scores are scaled by hidden / heads
_DTYPES = {TensorType.F32: "float32", TensorType.BF16: "bfloat16"}  # float16 beside quantized matrices


def shape_from_gguf(file: GGUF) -> ModelShape:
    """The shape of the model in a file. Raises UnsupportedModel for what would be computed wrongly."""
    return shape_from_config(config_from_gguf(file))


def config_from_gguf(file: GGUF) -> dict[str, Any]:
    """The fields of config.json, in the spelling of transformers."""
    architecture = file.metadata.get("general.architecture")
    if architecture not in _CONFIGS:
        known = ", ".join(_CONFIGS)
        raise UnsupportedModel(f"no torch module for GGUF architecture {architecture!r} (families that run: {known})")
    keys = Keys(str(architecture), file.metadata)
    config = _CONFIGS[str(architecture)](keys, file)
    keys.done()
    return {name: value for name, value in config.items() if value is not None}


def _common(keys: Keys, file: GGUF) -> dict[str, Any]:
    hidden, heads = keys.integer("embedding_length"), keys.integer("attention.head_count")
    width = keys.integer("rope.dimension_count", hidden // max(1, heads))
    head_dim = keys.integer("attention.key_length", width)
    keys.only("rope.dimension_count", head_dim)
    keys.only("attention.value_length", head_dim)
    keys.only("attention.causal", True)
    return {
        "num_hidden_layers": _layers(keys),
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "num_key_value_heads": keys.integer("attention.head_count_kv", heads),
        "head_dim": head_dim,
        "intermediate_size": keys.integer("feed_forward_length"),
        "vocab_size": _vocabulary(file),
        "rms_norm_eps": keys.number("attention.layer_norm_rms_epsilon"),
        "max_position_embeddings": keys.integer("context_length"),
        "attention_bias": "blk.0.attn_q.bias" in file.tensors,
        "tie_word_embeddings": HEAD not in file.tensors,
        "eos_token_id": file.metadata.get("tokenizer.ggml.eos_token_id"),
        "dtype": _DTYPES.get(file.tensors[EMBEDDING].kind, "float16"),
    }


def _layers(keys: Keys) -> int:
    found = keys.integer("block_count")
    if found > _MOST_LAYERS:
        raise keys.refusal("block_count", found, f"more than {_MOST_LAYERS} layers: the file is damaged")
    return found


def _vocabulary(file: GGUF) -> int:
    if EMBEDDING not in file.tensors:
        raise UnsupportedModel(f"{file.path} has no {EMBEDDING}: it holds no complete model")
    return file.tensors[EMBEDDING].shape[0]


def _llama(keys: Keys, file: GGUF) -> dict[str, Any]:
    """Llama 2 and 3, and Mistral without a window. With experts it would be Mixtral."""
    keys.only("expert_count", 0)
    config = _common(keys, file)
    rope = rope_settings(keys, file, config["head_dim"])
    return config | {"architectures": ["LlamaForCausalLM"], "rope_parameters": rope}


def _qwen3(keys: Keys, file: GGUF) -> dict[str, Any]:
    config = _common(keys, file)
    rope = rope_settings(keys, file, config["head_dim"])
    return config | {"architectures": ["Qwen3ForCausalLM"], "rope_parameters": rope}


def _qwen3_moe(keys: Keys, file: GGUF) -> dict[str, Any]:
    """The chosen experts' probabilities are made to sum to 1, as llama.cpp does for every file of this architecture."""
    keys.only("expert_weights_norm", True)
    keys.only("expert_weights_scale", 0.0, 1.0)
    inner = keys.integer("expert_feed_forward_length")
    config = {"intermediate_size": keys.integer("feed_forward_length", inner)} | _qwen3(keys, file)
    layers = range(config["num_hidden_layers"])
    return config | {
        "architectures": ["Qwen3MoeForCausalLM"],
        "num_experts": keys.integer("expert_count"),
        "num_experts_per_tok": keys.integer("expert_used_count"),
        "moe_intermediate_size": inner,
        "norm_topk_prob": True,
        "mlp_only_layers": [layer for layer in layers if f"blk.{layer}.ffn_gate_inp.weight" not in file.tensors],
    }


def _gemma3(keys: Keys, file: GGUF) -> dict[str, Any]:
    config = _common(keys, file)
    layers, width = config["num_hidden_layers"], config["hidden_size"] // max(1, config["num_attention_heads"])
    return config | {
        "architectures": ["Gemma3ForCausalLM"],
        "query_pre_attn_scalar": width if layers == _GEMMA3_27B_LAYERS else config["head_dim"],
        "sliding_window": keys.integer("attention.sliding_window", 0) or None,
        "layer_types": _layer_types(keys, layers),
        "rope_parameters": {
            "full_attention": rope_settings(keys, file, config["head_dim"]),
            "sliding_attention": {"rope_type": "default", "rope_theta": theta(keys, "rope.freq_base_swa")},
        },
    }


def _layer_types(keys: Keys, layers: int) -> list[str]:
    """Which layers see a window: all but every sixth, or as the file says; none where it names no window."""
    pattern = keys.get("attention.sliding_window_pattern")
    period = pattern if isinstance(pattern, int) and pattern > 0 else _GEMMA3_PERIOD
    slides = [bool((layer + 1) % period) for layer in range(layers)]
    if isinstance(pattern, list):
        slides = [bool(each) for each in pattern]
    if not keys.integer("attention.sliding_window", 0):
        slides = [False] * layers
    return ["sliding_attention" if each else "full_attention" for each in slides]


_CONFIGS: dict[str, Callable[[Keys, GGUF], dict[str, Any]]] = {
    "llama": _llama,
    "qwen3": _qwen3,
    "qwen3moe": _qwen3_moe,
    "gemma3": _gemma3,
}
