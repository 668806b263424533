"""The operators in plain torch, on any device: what the other kernels are checked against."""

from __future__ import annotations

from doubletime.kernels.reference.attention import attend, write_kv
from doubletime.kernels.reference.mlp import Expert, gated, mix, route
from doubletime.kernels.reference.norm import rms_norm
from doubletime.kernels.reference.rope import apply_rope, frequencies, rope_table

__all__ = [
    "Expert",
    "apply_rope",
    "attend",
    "frequencies",
    "gated",
    "mix",
    "rms_norm",
    "rope_table",
    "route",
    "write_kv",
]
