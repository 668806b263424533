"""Norms as models use them."""

from __future__ import annotations

from torch import Tensor

from doubletime.kernels.reference import rms_norm
from doubletime.models.weights import Weights
from doubletime.shapes import ModelShape


class Norm:
    """RMS norm over the last dimension; a family with unit offset multiplies by 1 + weight, in float32."""

    def __init__(self, weight: Tensor, shape: ModelShape) -> None:
        self.weight = weight.float() + 1.0 if shape.unit_offset_norm else weight
        self.eps = shape.norm_eps

    def __call__(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, self.eps)


def norm(weights: Weights, name: str, shape: ModelShape) -> Norm:
    return Norm(weights[f"{name}.weight"], shape)
