"""Writes a Hugging Face folder of bfloat16 weights as a GGUF file. Runs in an environment that has `gguf` and numpy.

    python gguf_worker.py FOLDER OUT F32|F16|BF16

It knows the families that the benchmark uses (Llama, Qwen3, Qwen3-MoE), and no others.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np

Array = np.ndarray[Any, Any]
ARCHITECTURES = {"llama": "llama", "qwen3": "qwen3", "qwen3_moe": "qwen3moe"}
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6  # token types of GGUF's vocabulary
_LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "mlp.gate": "ffn_gate_inp",
}
_EXPERTS = {"gate_proj": "ffn_gate_exps", "up_proj": "ffn_up_exps", "down_proj": "ffn_down_exps"}


def main(folder: str, out: str, kind: str) -> None:
    source = Path(folder)
    config = json.loads((source / "config.json").read_text())
    writer = gguf.GGUFWriter(out, ARCHITECTURES[config["model_type"]])
    writer.add_file_type({"F32": 0, "F16": 1, "BF16": 32}[kind])
    _geometry(writer, config)
    _vocabulary(writer, source, config["vocab_size"])
    for name, value in _renamed(_weights(source / "model.safetensors"), config):
        _add(writer, name, value, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _geometry(writer: Any, config: dict[str, Any]) -> None:
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(float(config["rope_theta"]))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    if "num_experts" in config:
        writer.add_expert_count(config["num_experts"])
        writer.add_expert_used_count(config["num_experts_per_tok"])
        writer.add_expert_feed_forward_length(config["moe_intermediate_size"])


def _vocabulary(writer: Any, folder: Path, size: int) -> None:
    known = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    texts = sorted(known, key=known.__getitem__)
    assert len(texts) == size
    kinds = [_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * 256, *[_NORMAL] * (size - 259)]
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    pieces = zip(texts, kinds, strict=True)
    writer.add_token_list([text if kind != _NORMAL else f"\u2581{text}" for text, kind in pieces])
    writer.add_token_scores([-float(number) for number in range(size)])
    writer.add_token_types(kinds)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)


def _weights(path: Path) -> dict[str, Array]:
    """The tensors of a safetensors file of bfloat16, as float32: its upper 16 bits."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    data = np.memmap(path, np.uint8, "r", offset=8 + length)
    found = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            assert entry["dtype"] == "BF16", f"{name} is {entry['dtype']}"
            wide = data[begin:end].view(np.uint16).astype(np.uint32) << 16
            found[name] = wide.view(np.float32).reshape(entry["shape"])
    return found


def _renamed(weights: dict[str, Array], config: dict[str, Any]) -> Iterator[tuple[str, Array]]:
    yield "token_embd.weight", weights["model.embed_tokens.weight"]
    yield "output_norm.weight", weights["model.norm.weight"]
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        for ours, theirs in _LAYER.items():
            value = weights.get(f"{prefix}{ours}.weight")
            if value is not None:
                yield f"blk.{layer}.{theirs}.weight", _pairs(value, ours, config)
        for ours, theirs in _EXPERTS.items() if "num_experts" in config else ():
            each = [weights[f"{prefix}mlp.experts.{e}.{ours}.weight"] for e in range(config["num_experts"])]
            yield f"blk.{layer}.{theirs}.weight", np.stack(each)


def _pairs(value: Array, name: str, config: dict[str, Any]) -> Array:
    """GGUF's Llama rotates neighbouring dimensions where Hugging Face's rotates halves: rows are put in that order."""
    kind = name.removeprefix("self_attn.")
    if config["model_type"] != "llama" or kind not in ("q_proj", "k_proj"):
        return value
    heads = config["num_attention_heads"] if kind == "q_proj" else config["num_key_value_heads"]
    halves = value.reshape(heads, 2, value.shape[0] // heads // 2, *value.shape[1:])
    return halves.swapaxes(1, 2).reshape(value.shape)


def _add(writer: Any, name: str, value: Array, kind: str) -> None:
    """Vectors and the router stay float32, as in every GGUF."""
    if kind == "F32" or value.ndim == 1 or "ffn_gate_inp" in name:
        writer.add_tensor(name, np.ascontiguousarray(value))
    elif kind == "F16":
        writer.add_tensor(name, value.astype(np.float16))
    else:
        upper = (value.view(np.uint32) >> 16).astype(np.uint16)  # exact: it was bfloat16
        writer.add_tensor(name, upper.view(np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)


if __name__ == "__main__":
    main(*sys.argv[1:])
