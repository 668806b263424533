"""Weights for a model that has none: seeded, the same on every machine, scaled so that activations keep their size."""

from __future__ import annotations

import zlib

import torch
from torch import Tensor

from doubletime.models.model import Model
from doubletime.models.weights import Weights
from doubletime.shapes import ModelShape, tensors


class RandomSource:
    """Norms leave their input as it is, biases are zero, matrices are normal with variance 1 / inputs."""

    def __init__(self, shape: ModelShape, dtype: torch.dtype = torch.float32, seed: int = 0) -> None:
        self.shape, self.dtype = shape, dtype
        self._sizes = tensors(shape)
        self._seed = seed

    def __contains__(self, name: object) -> bool:
        return name in self._sizes

    def read(self, name: str) -> Tensor:
        return self._make(name, self._sizes[name]).to(self.dtype)

    def _make(self, name: str, size: tuple[int, ...]) -> Tensor:
        if name.endswith("norm.weight"):
            return torch.zeros(size) if self.shape.unit_offset_norm else torch.ones(size)
        if name.endswith(".bias"):
            return torch.zeros(size)
        generator = torch.Generator().manual_seed(zlib.crc32(f"{self._seed}:{name}".encode()))  # it takes 32 bits
        return torch.empty(size).normal_(0.0, size[-1] ** -0.5, generator=generator)


def random_model(shape: ModelShape, dtype: torch.dtype, device: str = "cpu", seed: int = 0) -> Model:
    """A model of this shape with random weights."""
    return Model(shape, Weights(RandomSource(shape, dtype, seed), device))


def random_tensors(shape: ModelShape, seed: int = 0) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, float32."""
    source = RandomSource(shape, seed=seed)
    return {name: source.read(name) for name in tensors(shape)}
