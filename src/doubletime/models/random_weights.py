"""Weights for a model that has none: seeded, the same on every machine, scaled so that activations keep their size."""

from __future__ import annotations

import zlib

import torch
from torch import Tensor

from doubletime.models.model import Model
from doubletime.models.weights import Weights
from doubletime.shapes import ModelShape, tensors


def random_model(shape: ModelShape, dtype: torch.dtype, device: str = "cpu", seed: int = 0) -> Model:
    """A model of this shape with random weights."""
    made = random_tensors(shape, seed)
    return Model(shape, Weights({name: tensor.to(device=device, dtype=dtype) for name, tensor in made.items()}))


def random_tensors(shape: ModelShape, seed: int = 0) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, float32."""
    return {name: _tensor(name, size, shape, seed) for name, size in tensors(shape).items()}


def _tensor(name: str, size: tuple[int, ...], shape: ModelShape, seed: int) -> Tensor:
    """Norms leave their input as it is, biases are zero, matrices are normal with variance 1 / inputs."""
    if name.endswith("norm.weight"):
        return torch.zeros(size) if shape.unit_offset_norm else torch.ones(size)
    if name.endswith(".bias"):
        return torch.zeros(size)
    generator = torch.Generator().manual_seed(zlib.crc32(f"{seed}:{name}".encode()))  # it takes 32 bits
    return torch.empty(size).normal_(0.0, size[-1] ** -0.5, generator=generator)
