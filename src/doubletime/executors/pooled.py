"""One vector out of the final hidden states of a prompt."""

from __future__ import annotations

import struct

import torch
from torch import Tensor

from doubletime.decoding.pooling import PoolingParams
from doubletime.models import AnyModel


class Mean:
    """The mean over rows that come in parts, which do not matter: row after row is added, in float64."""

    def __init__(self) -> None:
        self._total: Tensor | None = None
        self._count = 0

    def add(self, model: AnyModel, hidden: Tensor) -> None:
        """Hidden rows [N, hidden] at full depth, the next of the prompt."""
        if self._total is None:
            self._total = torch.zeros(model.shape.hidden, dtype=torch.float64, device=hidden.device)
        for row in model.final(hidden):
            self._total += row
        self._count += len(hidden)

    def value(self) -> Tensor:
        """The mean [hidden], float64."""
        assert self._total is not None
        return self._total / self._count


def last(model: AnyModel, hidden: Tensor) -> Tensor:
    """The final state of the last of some hidden rows: [hidden], float64."""
    return model.final(hidden[-1:])[0].double()


def finished(vector: Tensor, params: PoolingParams) -> bytes:
    """Cut and normalised as asked for: float32 numbers, little-endian. A vector of zeros stays one."""
    vector = vector[: params.dimensions]
    if params.normalize:
        vector = vector / vector.square().sum().sqrt().clamp(min=torch.finfo(vector.dtype).tiny)
    numbers: list[float] = vector.tolist()
    return struct.pack(f"<{len(numbers)}f", *numbers)
