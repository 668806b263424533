"""The tensors of a checkpoint, by name."""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor


class Weights:
    """Tensors by name; `under(prefix)` is the part of the tree below a prefix, its names shortened."""

    def __init__(self, tensors: Mapping[str, Tensor], prefix: str = "") -> None:
        self._tensors = tensors
        self._prefix = prefix

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[self._prefix + name]

    def under(self, prefix: str) -> Weights:
        return Weights(self._tensors, f"{self._prefix}{prefix}.")

    def linear(self, name: str) -> Linear:
        return Linear(self[f"{name}.weight"], self._tensors.get(f"{self._prefix}{name}.bias"))


class Linear:
    """x [T, in] → x · weightᵀ + bias [T, out]."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self.weight = weight
        self.bias = bias

    def __call__(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)
