"""A tensor of a GGUF file → a tensor in memory of its own, or `Quantized`, read a few MiB at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from doubletime.models.gguf.blocks import FORMATS, Format
from doubletime.models.quantized import Quantized
from doubletime.shapes.gguf import BadGGUF, TensorInfo, TensorType

_AT_ONCE = 4 << 20  # bytes of the file; what is made of them on the way is a small multiple
_DENSE = {TensorType.F32: torch.float32, TensorType.F16: torch.float16, TensorType.BF16: torch.bfloat16}


def read_dense(info: TensorInfo, dtype: torch.dtype, expert: int | None = None) -> Tensor:
    """A tensor that is not quantized, in `dtype`; with `expert` that one of the stack."""
    shape = info.shape if expert is None else info.shape[1:]
    found = torch.empty(shape, dtype=dtype)
    flat, done = found.view(-1), 0
    for raw in _pieces(info, 4, expert):
        values = raw.view(_DENSE[info.kind])
        flat[done : done + len(values)] = values
        done += len(values)
    return found


def read_quantized(info: TensorInfo, expert: int | None = None) -> Quantized:
    """A quantized matrix; with `expert` that one of the stack."""
    form = FORMATS[info.kind]
    rows, columns = info.shape[-2:]
    made = _empty(form, rows, columns)
    codes, scales = made.codes.view(-1), made.scales.view(-1)
    mins = made.mins.view(-1) if made.mins is not None else None
    blocks = 0
    for raw in _pieces(info, info.kind.block_bytes, expert):
        groups = form.unpack(raw.view(-1, info.kind.block_bytes))
        _put(codes, blocks, groups.codes if form.bits == 8 else _pairs(groups.codes))
        _put(scales, blocks, groups.scales)
        if mins is not None and groups.mins is not None:
            _put(mins, blocks, groups.mins)
        blocks += len(groups.codes)
    return made


def _empty(form: Format, rows: int, columns: int) -> Quantized:
    size = (rows, columns // form.group)
    codes = torch.empty(rows, columns * form.bits // 8, dtype=torch.uint8)
    return Quantized(form.bits, form.group, codes, torch.empty(size), torch.empty(size) if form.mins else None)


def _put(into: Tensor, block: int, values: Tensor) -> None:
    """Writes what blocks `block`… hold, [B, n], to its place in the flat `into`."""
    into[block * values.shape[1] :][: values.numel()] = values.reshape(-1)


def _pairs(codes: Tensor) -> Tensor:
    """Two codes a byte, the even one in the low half: [B, 2n] → [B, n]."""
    return codes[:, 0::2] | codes[:, 1::2] << 4


def _pieces(info: TensorInfo, unit: int, expert: int | None) -> Iterator[Tensor]:
    """The bytes of the tensor in order, uint8, in pieces of whole units."""
    size = info.size if expert is None else info.size // info.shape[0]
    at_once = _AT_ONCE // unit * unit
    first = info.offset + size * (expert or 0)
    for start in range(0, size, at_once):
        count = min(size - start, at_once)
        raw = np.fromfile(info.path, np.uint8, count, offset=first + start)
        if len(raw) != count:
            raise BadGGUF(f"{info.path} ends inside {info.name}: it has changed since its header was read")
        yield torch.from_numpy(raw)
