"""AWQ checkpoints (Lin et al., arXiv 2306.00978) in AutoAWQ's "gemm" layout, 4 bit.

A matrix [N, K] in G groups is stored as qweight int32 [K, N / 8], qzeros int32 [G, N / 8] and scales [G, N]. Of the
eight neighbours in a word, the first four are the even ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from doubletime.models.archive import BadCheckpoint
from doubletime.models.packing import Size
from doubletime.models.quantized import Quantized
from doubletime.models.words import assemble, fields


class AWQPacking:
    """Implements `Packing`."""

    def stem(self, name: str) -> str:
        return name.removesuffix("weight")

    def parts(self, stem: str, size: Size, stored: Mapping[str, Size]) -> dict[str, Size]:
        rows, columns = size
        if f"{stem}qweight" not in stored:
            return {}
        groups = stored.get(f"{stem}scales", (1,))[0]
        if rows % 8 or not groups or columns % groups:
            raise BadCheckpoint(f"{stem}qweight: {rows} rows in words of 8, {columns} columns in {groups} groups")
        return {"qweight": (columns, rows // 8), "qzeros": (groups, rows // 8), "scales": (groups, rows)}

    def decode(self, parts: dict[str, Tensor], size: Size) -> Tensor | Quantized:
        codes, zeros = (_in_order(fields(parts[name], 4)).t().contiguous() for name in ("qweight", "qzeros"))
        return assemble(codes, zeros, parts["scales"].t().contiguous(), 4)


def _in_order(interleaved: Tensor) -> Tensor:
    """[..., N] with each eight as 0 2 4 6 1 3 5 7 → 0 1 2 3 4 5 6 7."""
    halves = interleaved.view(interleaved.shape[0], -1, 2, 4)
    return halves.transpose(-1, -2).reshape(interleaved.shape)


def awq_packing(settings: dict[str, Any]) -> AWQPacking:
    """Raises BadCheckpoint for a variant that is not read."""
    version, bits = str(settings.get("version", "gemm")).lower(), settings.get("bits", settings.get("w_bit"))
    if version != "gemm" or bits != 4:
        raise BadCheckpoint(f"AWQ version {version!r} of {bits!r} bits is not supported; supported: 'gemm' of 4 bits")
    return AWQPacking()
