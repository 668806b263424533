"""What a format of quantized checkpoints has to say: how one matrix is stored as several tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor

from doubletime.models.quantized import Quantized

Size = tuple[int, ...]


class Packing(Protocol):
    """A matrix `….weight` of size [N, K], stored as tensors that share a stem."""

    def stem(self, name: str) -> str:
        """What the names of the parts of matrix `name` start with."""
        ...

    def parts(self, stem: str, size: Size, stored: Mapping[str, Size]) -> dict[str, Size]:
        """The parts of a matrix [N, K] that is stored packed, by what follows the stem, with the sizes they must have.

        `stored`: the sizes of all stored tensors by name. Empty: this matrix is not packed.
        """
        ...

    def decode(self, parts: dict[str, Tensor], size: Size) -> Tensor | Quantized:
        """The matrix. A dense one, which cannot be said in groups, is float32."""
        ...
