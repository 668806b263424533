"""doubletime's own quantized checkpoints: each matrix's codes, scales and mins as they are in memory.

A matrix `X.weight` is stored as `X.weight.codes`, `X.weight.scales` and, if it is asymmetric, `X.weight.mins`. Scales
and mins are float16 where that is exact, else float32. Bits and group follow from the sizes.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from doubletime.models.archive import BadCheckpoint
from doubletime.models.packing import Size
from doubletime.models.quantized import Quantized

METHOD = "doubletime"
VERSION = 1


class SavedPacking:
    """Implements `Packing`."""

    def stem(self, name: str) -> str:
        return name

    def parts(self, stem: str, size: Size, stored: Mapping[str, Size]) -> dict[str, Size]:
        codes, scales = stored.get(f"{stem}.codes"), stored.get(f"{stem}.scales")
        if codes is None and scales is None:
            return {}
        rows, columns = size
        bits = 4 if codes == (rows, columns // 2) and columns % 2 == 0 else 8
        groups = scales[1] if scales is not None and len(scales) == 2 else 0
        if not groups or columns % groups:
            raise BadCheckpoint(f"{stem}.scales is {list(scales or ())}: no groups of {columns} columns")
        parts: dict[str, Size] = {".codes": (rows, columns * bits // 8), ".scales": (rows, groups)}
        return parts | ({".mins": (rows, groups)} if f"{stem}.mins" in stored else {})

    def decode(self, parts: dict[str, Tensor], size: Size) -> Quantized:
        codes, scales, mins = parts[".codes"], parts[".scales"], parts.get(".mins")
        bits, group = codes.shape[1] * 8 // size[1], size[1] // scales.shape[1]
        return Quantized(bits, group, codes, scales.float(), None if mins is None else mins.float())


def encode(name: str, matrix: Tensor | Quantized) -> dict[str, Tensor]:
    """What is stored for a tensor of this name. Dense tensors are stored as they are."""
    if not isinstance(matrix, Quantized):
        return {name: matrix}
    found = {f"{name}.codes": matrix.codes, f"{name}.scales": _short(matrix.scales)}
    return found if matrix.mins is None else found | {f"{name}.mins": _short(matrix.mins)}


def _short(numbers: Tensor) -> Tensor:
    half = numbers.half()
    return half if torch.equal(half.float(), numbers) else numbers
