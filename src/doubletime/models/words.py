"""What the int32 formats (GPTQ, AWQ, compressed-tensors) have in common: small integers in 32 bit words."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from doubletime.models.quantized import CENTRE, Quantized, pack, unpack


def fields(words: Tensor, bits: int) -> Tensor:
    """int32 [N, W] → the 4 or 8 bit numbers in each word, lowest bits first, uint8 [N, W × 32 / bits]."""
    octets = words.contiguous().view(torch.uint8)
    return octets if bits == 8 else unpack(octets)


def assemble(codes: Tensor, zeros: Tensor, scales: Tensor, bits: int) -> Tensor | Quantized:
    """value = scale × (code − zero), from codes uint8 [N, K], zeros and scales [N, groups] → the same values.

    Groups that `Quantized` does not have are cut into smaller ones that it has. Where that cannot be, the matrix comes
    out dense, with a warning.
    """
    scales, zeros = scales.float(), zeros.float()
    columns, groups = codes.shape[1], scales.shape[1]
    group = fitting_group(bits, columns, columns // groups)
    if group is None:
        warn_dense(f"{bits} bit groups of {columns // groups} columns")
        return dequantized(codes, zeros, scales, torch.arange(columns) // (columns // groups))
    repeats = columns // groups // group
    scales, zeros = scales.repeat_interleave(repeats, 1), zeros.repeat_interleave(repeats, 1)
    mins = None if bool((zeros == CENTRE[bits]).all()) else scales * zeros
    return Quantized(bits, group, codes if bits == 8 else pack(codes), scales, mins)


def fitting_group(bits: int, columns: int, group: int) -> int | None:
    """The largest group that `Quantized` has and that `group` is a multiple of."""
    known = (columns, 128, 64, 32, 16) if bits == 8 else (128, 64, 32)
    return next((size for size in known if group % size == 0), None)


def dequantized(codes: Tensor, zeros: Tensor, scales: Tensor, group_of: Tensor) -> Tensor:
    """Dense float32 [N, K]; `group_of` [K]: each column's group."""
    return (codes.float() - zeros[:, group_of]) * scales[:, group_of]


def warn_dense(why: str) -> None:
    """Python shows the same warning once."""
    warnings.warn(
        f"the checkpoint has {why}: such matrices are held dense, in up to eight times the memory, and run slower",
        stacklevel=2,
    )
