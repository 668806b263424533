"""GPTQ checkpoints (Frantar et al., arXiv 2210.17323) as AutoGPTQ and GPTQModel write them, 4 and 8 bit.

A matrix [N, K] in G groups is stored as qweight int32 [K × bits / 32, N] (packed along K), qzeros int32
[G, N × bits / 32], scales [G, N] and g_idx int32 [K], each column's group. In format "gptq" (v1) the stored zeros are
one less than the real ones, in "gptq_v2" they are not. With desc_act ("act order") columns of one group are not
neighbours; such a matrix can only be had dense.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from doubletime.models.archive import BadCheckpoint
from doubletime.models.packing import Size
from doubletime.models.quantized import Quantized
from doubletime.models.words import assemble, dequantized, fields, warn_dense

OFFSETS = {"gptq": 1, "gptq_v2": 0}


class GPTQPacking:
    """Implements `Packing`. `offset` is added to the stored zeros."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def stem(self, name: str) -> str:
        return name.removesuffix("weight")

    def parts(self, stem: str, size: Size, stored: Mapping[str, Size]) -> dict[str, Size]:
        rows, columns = size
        if f"{stem}qweight" not in stored:
            return {}
        bits = bits_of(f"{stem}qweight", stored[f"{stem}qweight"], (columns, rows), 0)
        groups = stored.get(f"{stem}scales", (1,))[0]
        if not groups or columns % groups:
            raise BadCheckpoint(f"{stem}scales: {columns} columns in {groups} groups")
        parts: dict[str, Size] = {
            "qweight": (columns * bits // 32, rows),
            "qzeros": (groups, rows * bits // 32),
            "scales": (groups, rows),
        }
        return parts | ({"g_idx": (columns,)} if f"{stem}g_idx" in stored else {})

    def decode(self, parts: dict[str, Tensor], size: Size) -> Tensor | Quantized:
        columns = size[1]
        bits = parts["qweight"].shape[0] * 32 // columns
        codes = fields(parts["qweight"].t(), bits)
        zeros = fields(parts["qzeros"], bits).t().float() + self._offset
        scales = parts["scales"].t().float()
        neighbours = torch.arange(columns) // (columns // scales.shape[1])
        group_of = parts.get("g_idx", neighbours).long()
        if torch.equal(group_of, neighbours):
            return assemble(codes, zeros, scales, bits)
        warn_dense("groups in activation order (desc_act)")
        return dequantized(codes, zeros, scales, group_of)


def bits_of(name: str, stored: Size, numbers: tuple[int, int], axis: int) -> int:
    """How many bits each of `numbers` takes when they are packed along `axis`. Raises BadCheckpoint unless 4 or 8."""
    words = stored[axis] if len(stored) == 2 else 0
    for bits in (4, 8):
        if words * 32 == numbers[axis] * bits:
            return bits
    raise BadCheckpoint(f"{name} is {list(stored)}: it does not hold {list(numbers)} numbers of 4 or 8 bits")


def gptq_packing(settings: dict[str, Any]) -> GPTQPacking:
    """Raises BadCheckpoint for a variant that is not read."""
    form = settings.get("checkpoint_format", "gptq")
    if form not in OFFSETS:
        raise BadCheckpoint(f"GPTQ checkpoint_format {form!r} is not supported; supported: {', '.join(OFFSETS)}")
    if settings.get("bits") not in (4, 8):
        raise BadCheckpoint(f"GPTQ of {settings.get('bits')!r} bits is not supported; supported: 4, 8")
    return GPTQPacking(OFFSETS[form])
