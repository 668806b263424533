"""Checkpoints of compressed-tensors (llm-compressor), format "pack-quantized": 4 and 8 bit weights (W4A16, W8A16).

A matrix [N, K] in G groups is stored as weight_packed int32 [N, K × bits / 32], weight_scale [N, G], weight_shape [2]
and, if it is asymmetric, weight_zero_point int32 [N × bits / 32, G] (packed along N).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from doubletime.models.archive import BadCheckpoint
from doubletime.models.gptq import bits_of
from doubletime.models.packing import Size
from doubletime.models.quantized import CENTRE, Quantized
from doubletime.models.words import assemble, dequantized, fields, warn_dense

FORMAT = "pack-quantized"


class CompressedPacking:
    """Implements `Packing`."""

    def stem(self, name: str) -> str:
        return name

    def parts(self, stem: str, size: Size, stored: Mapping[str, Size]) -> dict[str, Size]:
        rows, columns = size
        if f"{stem}_packed" not in stored:
            return {}
        bits = bits_of(f"{stem}_packed", stored[f"{stem}_packed"], (rows, columns), 1)
        groups = stored.get(f"{stem}_scale", (1, 1))[-1]
        if not groups or columns % groups:
            raise BadCheckpoint(f"{stem}_scale: {columns} columns in {groups} groups")
        parts: dict[str, Size] = {"_packed": (rows, columns * bits // 32), "_scale": (rows, groups), "_shape": (2,)}
        optional: dict[str, Size] = {"_zero_point": (rows * bits // 32, groups), "_g_idx": (columns,)}
        return parts | {part: each for part, each in optional.items() if stem + part in stored}

    def decode(self, parts: dict[str, Tensor], size: Size) -> Tensor | Quantized:
        columns, scales = size[1], parts["_scale"].float()
        bits = parts["_packed"].shape[1] * 32 // columns
        codes = fields(parts["_packed"], bits)
        zeros = torch.full_like(scales, CENTRE[bits])
        if "_zero_point" in parts:
            zeros = fields(parts["_zero_point"].t(), bits).t().float()
        neighbours = torch.arange(columns) // (columns // scales.shape[1])
        group_of = parts.get("_g_idx", neighbours).long()
        if bool((group_of < 0).all()) or torch.equal(group_of, neighbours):  # −1: never set
            return assemble(codes, zeros, scales, bits)
        warn_dense("groups in activation order (actorder)")
        return dequantized(codes, zeros, scales, group_of)


def compressed_packing(settings: dict[str, Any]) -> CompressedPacking:
    """Raises BadCheckpoint for a variant that is not read."""
    form = settings.get("format")
    if form != FORMAT:
        raise BadCheckpoint(f"compressed-tensors format {form!r} is not supported; supported: {FORMAT!r}")
    for name, group in settings.get("config_groups", {}).items():
        activations = group.get("input_activations")
        if activations is not None:
            raise BadCheckpoint(f"compressed-tensors group {name!r} quantizes activations; supported: weights only")
    return CompressedPacking()
