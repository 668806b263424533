"""A GGUF file as a source of weights under the names of Hugging Face checkpoints."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from doubletime.models.archive import BadCheckpoint
from doubletime.models.gguf.names import Stored, stored
from doubletime.models.gguf.read import read_dense, read_quantized
from doubletime.models.quantized import Quantized
from doubletime.shapes import ModelShape, check_runnable, tensors
from doubletime.shapes.gguf import GGUF, read_gguf, shape_from_gguf
from doubletime.shapes.gguf.rope import FREQUENCY_FACTORS


class GGUFSource:
    """Tensors of the file, or parts, at `path`. What is not quantized comes in `dtype`.

    Raises BadGGUF for a damaged file, UnsupportedModel for a model that would be computed wrongly, and BadCheckpoint
    for missing, unexpected or mis-shaped tensors: all when it is opened.
    """

    def __init__(self, path: str | Path, dtype: torch.dtype | None = None) -> None:
        self._file = read_gguf(path)
        self.shape = shape_from_gguf(self._file)
        check_runnable(self.shape)
        self.dtype: torch.dtype = dtype or getattr(torch, self.shape.dtype)
        self._stored = {name: stored(name, self.shape) for name in tensors(self.shape)}
        _check(self._file, self.shape, self._stored)

    def __contains__(self, name: object) -> bool:
        return name in self._stored

    def read(self, name: str) -> Tensor | Quantized:
        """The tensor that a checkpoint calls `name`, read anew. Raises KeyError where the model has none."""
        where = self._stored[name]
        info, order = self._file.tensors[where.name], _order(name, self.shape)
        if info.kind.quantized:
            matrix = read_quantized(info, where.expert)
            return matrix if order is None else matrix.rows(order)
        if self.shape.unit_offset_norm and name.endswith("norm.weight"):
            return (read_dense(info, torch.float32) - 1.0).to(self.dtype)  # the file has 1 + weight
        found = read_dense(info, self.dtype, where.expert)
        return found if order is None else found[order]


def _order(name: str, shape: ModelShape) -> Tensor | None:
    """Which stored row is row n of `name`, None where they are in order.

    Llama files hold the rows of queries and keys so that the two members of a rotary pair are neighbours; Hugging Face
    has all first members of a head before all second ones.
    """
    if shape.family != "llama" or not name.rpartition(".")[0].endswith(("q_proj", "k_proj")):
        return None
    heads = shape.heads if "q_proj" in name else shape.kv_heads
    rows = torch.arange(heads * shape.head_dim)
    return rows.view(heads, shape.head_dim // 2, 2).transpose(1, 2).reshape(-1)


def _check(file: GGUF, shape: ModelShape, found: dict[str, Stored]) -> None:
    extra = file.tensors.keys() - {each.name for each in found.values()} - {FREQUENCY_FACTORS}
    if extra:
        raise BadCheckpoint(f"{file.path} has a tensor that the model does not have: {min(extra)}")
    for name, size in tensors(shape).items():
        where = found[name]
        if where.name not in file.tensors:
            raise BadCheckpoint(f"{file.path} lacks {where.name} ({name})")
        info = file.tensors[where.name]
        expected = size if where.expert is None or shape.moe is None else (shape.moe.experts, *size)
        if info.shape != expected:
            raise BadCheckpoint(f"{where.name} is {list(info.shape)}; the metadata makes it {list(expected)}")
        if info.kind.quantized and len(size) != 2:
            raise BadCheckpoint(f"{where.name} is {info.kind.name}; only matrices may be quantized")
