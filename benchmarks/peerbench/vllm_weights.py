"""Integer checkpoints in the formats that vLLM's CPU back end has kernels for, by rounding to the nearest.

8 bit: compressed-tensors, a scale for each output channel, activations rounded for each token (W8A8). 4 bit: GPTQ's
layout, groups of 128, symmetric. Embedding, head, norms and router stay as they are in the checkpoint.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from benchmarks.peerbench.checkpoints import READY

GROUP = 128
_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_W8A8: dict[str, Any] = {
    "quant_method": "compressed-tensors",
    "format": "int-quantized",
    "ignore": ["lm_head", "re:.*mlp.gate$"],
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "channel"},
            "input_activations": {
                "num_bits": 8,
                "type": "int",
                "symmetric": True,
                "strategy": "token",
                "dynamic": True,
            },
        }
    },
}
_GPTQ: dict[str, Any] = {
    "quant_method": "gptq",
    "bits": 4,
    "group_size": GROUP,
    "sym": True,
    "desc_act": False,
    "lm_head": False,
}


def rounded(folder: Path, bits: int) -> Path:
    """The folder of the rounded checkpoint, beside the original; made on the first call. `bits`: 8 or 4."""
    out = folder / f"vllm-{bits}bit"
    if (out / READY).exists():
        return out
    out.mkdir(exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(folder / name, out / name)
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = _W8A8 if bits == 8 else _GPTQ
    (out / "config.json").write_text(json.dumps(config))
    made: dict[str, Tensor] = {}
    with safe_open(folder / "model.safetensors", "pt") as weights:
        for name in weights.keys():  # noqa: SIM118 - it is no mapping
            made |= _tensors(name, weights.get_tensor(name), bits)
    save_file(made, out / "model.safetensors")
    (out / READY).touch()
    return out


def _tensors(name: str, value: Tensor, bits: int) -> Mapping[str, Tensor]:
    stem = name.removesuffix(".weight")
    if not stem.endswith(_LINEAR):
        return {name: value}
    parts = per_channel(value.float()) if bits == 8 else gptq(value.float())
    return {f"{stem}.{key}": part for key, part in parts.items()}


def per_channel(matrix: Tensor) -> dict[str, Tensor]:
    """[N, K] → int8 [N, K] and a scale for each row [N, 1]."""
    scale = matrix.abs().amax(1, keepdim=True) / 127
    return {"weight": (matrix / scale).round().to(torch.int8), "weight_scale": scale.to(torch.bfloat16)}


def gptq(matrix: Tensor) -> dict[str, Tensor]:
    """[N, K] → codes packed by eights along K, int32 [K/8, N]; scales [K/group, N]; zeros of 8, stored as 7."""
    outputs, inputs = matrix.shape
    groups = matrix.view(outputs, inputs // GROUP, GROUP)
    scale = groups.abs().amax(2, keepdim=True) / 7
    codes = ((groups / scale).round().clamp(-8, 7) + 8).to(torch.int64).view(outputs, inputs // 8, 8)
    return {
        "qweight": _packed(codes).t().contiguous(),
        "qzeros": _packed(torch.full((inputs // GROUP, outputs // 8, 8), 7)),
        "scales": scale.squeeze(2).t().to(torch.bfloat16).contiguous(),
        "g_idx": torch.arange(inputs, dtype=torch.int32) // GROUP,
    }


def _packed(codes: Tensor) -> Tensor:
    """[…, 8] of 0..15 → int32 […], the first in the lowest bits."""
    word = (codes << torch.arange(0, 32, 4)).sum(-1)
    return torch.where(word >= 2**31, word - 2**32, word).to(torch.int32)
