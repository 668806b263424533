"""A layer: attention, then an MLP."""

from __future__ import annotations

from dataclasses import dataclass

from doubletime.models.attention import Attention
from doubletime.models.mlp import ExpertMLP, GatedMLP
from doubletime.models.state import Operator


@dataclass(frozen=True, slots=True)
class Layer:
    """The two halves, each a few operators."""

    attention: Attention
    mlp: GatedMLP | ExpertMLP

    @property
    def operators(self) -> list[Operator]:
        return self.attention.operators + self.mlp.operators
