"""Matrices of every form that the native kernels have, and the native products with them, for tests."""

from __future__ import annotations

from ctypes import byref
from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor

from doubletime.kernels.cpu import abi
from doubletime.kernels.cpu.binding import library
from doubletime.kernels.cpu.pack import Packed
from doubletime.models.quantized import CENTRE, Quantized, pack

Matrix = Tensor | Quantized
DENSE = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
CHANNEL = 0  # a group of Form: the whole row


class Store(IntEnum):
    """What is done with a product."""

    SET = 0
    ADD = 1
    GATED = 2


@dataclass(frozen=True, slots=True)
class Form:
    """How a matrix is stored. `dtype`: f32, f16, bf16, q8 or q4; `group` and `mins` are for the last two."""

    dtype: str
    group: int = 32
    mins: bool = False

    def __str__(self) -> str:
        return (
            self.dtype
            if self.dtype in DENSE
            else f"{self.dtype}-{self.group or 'channel'}{'-mins' if self.mins else ''}"
        )

    @property
    def step(self) -> int:
        """K is a multiple of it."""
        return 1 if self.dtype in DENSE else max(self.group, 1)

    def tolerance(self, level: str) -> float:
        """Of a product, beside the product of exact values: the error's norm over the result's."""
        if self.dtype == "bf16" and level == "avx512":
            return 3e-3  # activations rounded to bfloat16
        if self.dtype == "q4" or (self.dtype == "q8" and level == "avx512"):
            return 2e-6 if level == "portable" else 1.2e-2  # activations rounded to 8 bits, by blocks of 32
        return 1e-4 if self.dtype == "q8" and level == "avx2" else 2e-6


FORMS = [Form(dtype) for dtype in DENSE]
FORMS += [Form("q8", group, mins) for mins in (False, True) for group in (16, 32, 64, 128, CHANNEL)]
FORMS += [Form("q4", group, mins) for mins in (False, True) for group in (32, 64, 128)]


def random_matrix(form: Form, count: int, columns: int, seed: int = 0) -> Matrix:
    """[count, columns] in this form. Scales and mins are float16's, so that packing loses nothing."""
    draw = torch.Generator().manual_seed(seed)
    if form.dtype in DENSE:
        return (torch.randn(count, columns, generator=draw) / columns**0.5).to(DENSE[form.dtype])
    bits = int(form.dtype[1])
    group = form.group or columns
    codes = torch.randint(0, 1 << bits, (count, columns), generator=draw, dtype=torch.uint8)
    scales = (torch.rand(count, columns // group, generator=draw) / columns).half().float()
    offsets = torch.rand(scales.shape, generator=draw) * CENTRE[bits] * 2
    mins = (scales * offsets).half().float() if form.mins else None
    return Quantized(bits, group, codes if bits == 8 else pack(codes), scales, mins)


def values(matrix: Matrix) -> Tensor:
    """float32 [N, K]."""
    return matrix.dequantize() if isinstance(matrix, Quantized) else matrix.float()


def product(packed: Packed, x: Tensor, norm: abi.Norm | None = None) -> Tensor:
    """x [M, K] (rows any distance apart) · wᵀ + bias → [M, N]."""
    out = torch.full((x.shape[0], packed.matrix.n), torch.nan)
    return product_into(out, packed, x, Store.SET, norm)


def product_into(out: Tensor, packed: Packed, x: Tensor, store: Store, norm: abi.Norm | None = None) -> Tensor:
    """The same, stored so."""
    own_norm = None if norm is None else byref(norm)
    library().dt_linear(
        byref(packed.matrix), x.data_ptr(), x.stride(0), x.shape[0], own_norm, out.data_ptr(), out.stride(0), store, 0
    )
    return out


def distance(got: Tensor, want: Tensor) -> float:
    """The error's norm over the result's."""
    return float((got - want).norm() / want.norm())
