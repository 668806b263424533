"""Where a model's weights come from: a tensor at a time, so that no more than one is ever held for nothing."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from doubletime.models.quantized import Quantized
from doubletime.shapes import ModelShape


class Source(Protocol):
    """The tensors of a checkpoint by their Hugging Face names."""

    @property
    def shape(self) -> ModelShape: ...

    @property
    def dtype(self) -> torch.dtype:
        """Of the dense tensors that `read` gives."""
        ...

    def read(self, name: str) -> Tensor | Quantized:
        """A tensor in memory of its own on the CPU, read anew at each call: whoever drops it frees it.

        Vectors (norms, biases) are always dense. Raises KeyError for a name that the model does not have.
        """
        ...

    def __contains__(self, name: object) -> bool: ...
