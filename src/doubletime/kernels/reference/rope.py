"""Rotary position embedding (Su et al. 2021) in the layout of Hugging Face: the two halves of a head are the pairs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from doubletime.shapes import Rope, RopeKind


def frequencies(rope: Rope, head_dim: int) -> Tensor:
    """Radians per position of each pair, float32 [head_dim / 2]."""
    exponents = torch.arange(0, head_dim, 2, dtype=torch.int64).float() / head_dim
    plain = 1.0 / (rope.theta**exponents)
    if rope.kind is RopeKind.LINEAR:
        return plain / rope.factor
    if rope.kind is RopeKind.LLAMA3:
        return _llama3(plain, rope)
    if rope.kind is RopeKind.FACTORS:
        return plain / torch.tensor(rope.factors)
    return plain


def _llama3(plain: Tensor, rope: Rope) -> Tensor:
    """Short wavelengths stay, long ones are stretched by `factor`, those between are blended linearly."""
    turns = rope.original_max_position * plain / (2 * math.pi)
    keep = (turns - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor)
    keep = keep.clamp(0.0, 1.0)
    return plain * keep + plain / rope.factor * (1 - keep)


def rope_table(positions: Tensor, frequency: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines, each [T, 1, head_dim / 2] in `dtype`, computed in float32."""
    angles = positions.float()[:, None, None] * frequency
    return angles.cos().to(dtype), angles.sin().to(dtype)


def apply_rope(x: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    """Rotates x [T, heads, head_dim]."""
    cos, sin = table
    left, right = x.chunk(2, dim=-1)
    return torch.cat((left * cos - right * sin, right * cos + left * sin), dim=-1)
