"""The tensors of a checkpoint, by name."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from doubletime.models.quantized import Quantized
from doubletime.models.source import Source


class Weights:
    """Tensors of a source by name; `under(prefix)` is the part of the tree below a prefix, its names shortened.

    Every call reads anew. Dense tensors go to `device`.
    """

    def __init__(self, source: Source, device: torch.device | str = "cpu", prefix: str = "") -> None:
        self._source = source
        self._device = torch.device(device)
        self._prefix = prefix

    def __getitem__(self, name: str) -> Tensor:
        """Dense: a quantized matrix is dequantized."""
        found = self.matrix(name)
        return found.dequantize(self._source.dtype) if isinstance(found, Quantized) else found

    def matrix(self, name: str) -> Tensor | Quantized:
        """As the source has it. Raises ValueError for a quantized one on another device than the CPU."""
        found = self._source.read(self._prefix + name)
        if not isinstance(found, Quantized):
            return found.to(self._device)
        if self._device.type != "cpu":
            raise ValueError(f"quantized weights run on a CPU only, not on {self._device}: load the dense checkpoint")
        return found

    def under(self, prefix: str) -> Weights:
        return Weights(self._source, self._device, f"{self._prefix}{prefix}.")

    def linear(self, name: str) -> Linear:
        bias = f"{name}.bias"
        own = self[bias] if self._prefix + bias in self._source else None
        return Linear(self.matrix(f"{name}.weight"), own, self._source.dtype)


class Linear:
    """x [T, in] → x · weightᵀ + bias [T, out]. A quantized weight is dequantized on the fly: right, but slow."""

    def __init__(self, weight: Tensor | Quantized, bias: Tensor | None, dtype: torch.dtype) -> None:
        self.weight = weight
        self.bias = bias
        self.dtype = dtype

    def __call__(self, x: Tensor) -> Tensor:
        if not isinstance(self.weight, Quantized):
            return F.linear(x, self.weight, self.bias)
        parts = [F.linear(x, self.weight.rows(rows).dequantize(self.dtype)) for rows in self.weight.chunks()]
        out = torch.cat(parts, dim=-1)
        return out if self.bias is None else out + self.bias

    def dense(self) -> Tensor:
        """The weight [out, in] as a tensor."""
        return self.weight.dequantize(self.dtype) if isinstance(self.weight, Quantized) else self.weight
