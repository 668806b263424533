"""`--quantize`: a dense checkpoint whose matrices are quantized as they are read."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from doubletime.models.quantized import Quantized, quantize
from doubletime.models.source import Source
from doubletime.shapes import ModelShape

ENDS = ("model.embed_tokens.weight", "lm_head.weight")  # what is most sensitive, and read by rows: always 8 bit


@dataclass(frozen=True, slots=True)
class Scheme:
    """How the matrices of the layers are quantized."""

    name: str
    bits: int
    group: int
    symmetric: bool = True


SCHEMES = {scheme.name: scheme for scheme in (Scheme("int8", 8, 32), Scheme("int4", 4, 32))}


def scheme(name: str) -> Scheme:
    if name not in SCHEMES:
        raise ValueError(f"unknown quantization {name!r}; known: {', '.join(SCHEMES)}")
    return SCHEMES[name]


class QuantizingSource:
    """Quantizes the matrices of `inner` on each read, a matrix at a time; vectors and MoE routers stay as they are."""

    def __init__(self, inner: Source, scheme: Scheme) -> None:
        self._inner, self._scheme = inner, scheme

    @property
    def shape(self) -> ModelShape:
        return self._inner.shape

    @property
    def dtype(self) -> torch.dtype:
        return self._inner.dtype

    def __contains__(self, name: object) -> bool:
        return name in self._inner

    def read(self, name: str) -> Tensor | Quantized:
        found = self._inner.read(name)
        if isinstance(found, Quantized):
            raise ValueError(f"{name} is quantized already")
        if not (name in ENDS or name.endswith("_proj.weight")):
            return found
        return self._quantize(name, found)

    def _quantize(self, name: str, weight: Tensor) -> Quantized:
        """4 bits where the scheme says so and its groups fit; else 8, in the largest groups that do (32, 16, a row)."""
        own, columns = self._scheme, weight.shape[1]
        if own.bits == 4 and name not in ENDS and columns % own.group == 0:
            return quantize(weight, 4, own.group, own.symmetric)
        group = next((size for size in (32, 16) if columns % size == 0), columns)
        return quantize(weight, 8, group)
