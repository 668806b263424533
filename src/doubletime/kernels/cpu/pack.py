"""Matrices as the native kernels read them."""

from __future__ import annotations

import ctypes
import mmap
from ctypes import byref
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from doubletime.kernels.cpu import abi
from doubletime.kernels.cpu.binding import library

if TYPE_CHECKING:
    from doubletime.models.quantized import Quantized

_KINDS = {torch.float32: abi.Kind.F32, torch.float16: abi.Kind.F16, torch.bfloat16: abi.Kind.BF16}
_GROUPS = {8: (128, 64, 32, 16), 4: (128, 64, 32)}


@dataclass(frozen=True, slots=True)
class Packed:
    """A packed matrix and the memory that its struct points to. It is for the level of kernels that packed it."""

    matrix: abi.Matrix
    memory: mmap.mmap
    bias: Tensor | None

    @property
    def nbytes(self) -> int:
        return len(self.memory)

    def row(self, index: int) -> Tensor:
        """One row, float32 [K]."""
        if not 0 <= index < self.matrix.n:
            raise IndexError(f"row {index} of {self.matrix.n}")
        out = torch.empty(self.matrix.k)
        library().dt_unpack_row(byref(self.matrix), index, out.data_ptr())
        return out


def pack(weight: Tensor | Quantized, bias: Tensor | None = None) -> Packed:
    """A weight [N, K], and a bias [N], packed for the level that runs.

    Scales and mins of a quantized weight are kept as float16 with a factor for each row: exact for all that were
    float16, and to 2⁻¹¹ of themselves for others. Raises ValueError for a form that no kernel has.
    """
    count, columns = weight.shape
    own_bias = None if bias is None else bias.float().contiguous()
    form = abi.Matrix(n=count, k=columns, bias=None if own_bias is None else own_bias.data_ptr())
    if not isinstance(weight, Tensor):
        weight = _in_known_groups(weight)
        form.kind, form.group = abi.Kind.Q8 if weight.bits == 8 else abi.Kind.Q4, weight.group
        form.has_mins = weight.mins is not None
        sources = [weight.codes, weight.scales, weight.mins]
    else:
        if weight.dtype not in _KINDS:
            raise ValueError(
                f"a matrix of {weight.dtype} cannot be packed: give float32, float16, bfloat16 or Quantized"
            )
        form.kind = _KINDS[weight.dtype]
        sources = [weight, None, None]
    memory = _reserve(library().dt_pack_bytes(byref(form)))
    form.packed = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    held = [None if each is None else each.contiguous() for each in sources]
    library().dt_pack(byref(form), *(None if each is None else each.data_ptr() for each in held), form.packed)
    return Packed(form, memory, own_bias)


def _reserve(nbytes: int) -> mmap.mmap:
    """Zeroed memory of whole pages. Huge ones where the system has them: reading a matrix once touches every page."""
    memory = mmap.mmap(-1, max(1, nbytes))
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def _in_known_groups(weight: Quantized) -> Quantized:
    """The same values in groups that kernels have: larger ones are cut."""
    by_channel = weight.bits == 8 and weight.group == weight.shape[1]
    if by_channel or weight.group in _GROUPS[weight.bits]:
        return weight
    group = next((each for each in _GROUPS[weight.bits] if weight.group % each == 0), 0)
    if not group:
        least = min(_GROUPS[weight.bits])
        raise ValueError(f"{weight.bits} bit groups of {weight.group}: only multiples of {least} can be packed")
    times = weight.group // group
    scales = weight.scales.repeat_interleave(times, dim=1)
    mins = None if weight.mins is None else weight.mins.repeat_interleave(times, dim=1)
    return replace(weight, group=group, scales=scales, mins=mins)
