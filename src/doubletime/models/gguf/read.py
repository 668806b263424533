"""A tensor of a GGUF file → a tensor in memory of its own, or `Quantized`, which is made a cacheful at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from doubletime.models.gguf.formats import FORMATS
from doubletime.models.gguf.groups import Bytes, Floats
from doubletime.models.quantized import Quantized
from doubletime.shapes.gguf import BadGGUF, TensorInfo, TensorType

_AT_ONCE = 1 << 18  # bytes of the file
_DENSE = {TensorType.F32: torch.float32, TensorType.F16: torch.float16, TensorType.BF16: torch.bfloat16}


def read_dense(info: TensorInfo, dtype: torch.dtype, expert: int | None = None) -> Tensor:
    """A tensor that is not quantized, in `dtype`; with `expert` that one of the stack."""
    size = _size(info, expert)
    values = torch.from_numpy(_bytes(info, size * (expert or 0), size)).view(_DENSE[info.kind])
    return values.view(info.shape if expert is None else info.shape[1:]).to(dtype)


def read_quantized(info: TensorInfo, expert: int | None = None) -> Quantized:
    """A quantized matrix; with `expert` that one of the stack."""
    form, unit, size = FORMATS[info.kind], info.kind.block_bytes, _size(info, expert)
    rows, columns = info.shape[-2:]
    codes: Bytes = np.empty((rows, columns * form.bits // 8), np.uint8)
    scales: Floats = np.empty((rows, columns // form.group), np.float32)
    mins: Floats | None = np.empty_like(scales) if form.mins else None
    step = _AT_ONCE // unit
    for block in range(0, size // unit, step):
        count = min(step, size // unit - block)
        groups = form.unpack(_bytes(info, size * (expert or 0) + block * unit, count * unit).reshape(count, unit))
        _put(codes, block, groups.codes)
        _put(scales, block, groups.scales)
        if mins is not None and groups.mins is not None:
            _put(mins, block, groups.mins)
    kept = None if mins is None else torch.from_numpy(mins)
    return Quantized(form.bits, form.group, torch.from_numpy(codes), torch.from_numpy(scales), kept)


def _put(into: NDArray[Any], block: int, values: NDArray[Any]) -> None:
    """Writes what blocks `block`… hold, [B, n], to its place in `into`."""
    into.reshape(-1, values.shape[1])[block : block + len(values)] = values


def _size(info: TensorInfo, expert: int | None) -> int:
    """Bytes of the tensor, or of one in the stack."""
    return info.size if expert is None else info.size // info.shape[0]


def _bytes(info: TensorInfo, start: int, count: int) -> Bytes:
    """`count` bytes from `start` of the tensor."""
    raw: Bytes = np.fromfile(info.path, np.uint8, count, offset=info.offset + start)
    if len(raw) != count:
        raise BadGGUF(f"{info.path} ends inside {info.name}: it has changed since its header was read")
    return raw
