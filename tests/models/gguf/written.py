"""Files written by the gguf package from checkpoints in Hugging Face layout: its names, its quantizers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from torch import Tensor

from doubletime.shapes import ModelShape

_ARCHITECTURES = {"llama": gguf.MODEL_ARCH.LLAMA, "qwen3": gguf.MODEL_ARCH.QWEN3}


def write(
    path: Path,
    shape: ModelShape,
    tensors: Mapping[str, Tensor],
    kind: str = "F32",
    tokenizer: Mapping[str, Any] | None = None,
    **options: int,
) -> Path:
    """A Llama or Qwen3 file whose matrices are of type `kind` (norms: F32). `tokenizer`: its keys, if it has one."""
    made = gguf.GGUFWriter(path, shape.family, **options)
    _metadata(made, shape)
    _tokenizer(made, tokenizer or {"tokenizer.ggml.model": "none"})
    names = gguf.get_tensor_name_map(_ARCHITECTURES[shape.family], shape.layers)
    for name, tensor in tensors.items():
        values = _interleaved(name, tensor.numpy(), shape)
        quantization = gguf.GGMLQuantizationType["F32" if values.ndim == 1 else kind]
        stored = gguf.quants.quantize(values, quantization)
        made.add_tensor(names.get_name(name, (".weight", ".bias")), stored, raw_dtype=quantization)
    made.write_header_to_file()
    made.write_kv_data_to_file()
    made.write_tensors_to_file()
    made.close()
    return path


def _metadata(made: gguf.GGUFWriter, shape: ModelShape) -> None:
    made.add_block_count(shape.layers)
    made.add_embedding_length(shape.hidden)
    made.add_feed_forward_length(shape.intermediate)
    made.add_head_count(shape.heads)
    made.add_head_count_kv(shape.kv_heads)
    made.add_key_length(shape.head_dim)
    made.add_value_length(shape.head_dim)
    made.add_layer_norm_rms_eps(shape.norm_eps)
    made.add_context_length(shape.max_position)
    made.add_rope_freq_base(shape.rope.theta)


def _tokenizer(made: gguf.GGUFWriter, keys: Mapping[str, Any]) -> None:
    kinds = {bool: made.add_bool, str: made.add_string, int: made.add_uint32, list: made.add_array}
    for key, value in keys.items():
        kinds[type(value)](key, value)


def _interleaved(name: str, values: np.ndarray, shape: ModelShape) -> np.ndarray:
    """Llama's query and key rows, so that the two of a rotary pair are neighbours."""
    if shape.family != "llama" or not name.rpartition(".")[0].endswith(("q_proj", "k_proj")):
        return values
    halves = values.reshape(-1, 2, shape.head_dim // 2, *values.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(values.shape))
