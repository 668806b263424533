"""What a model is, in numbers: everything about it that memory, cost and arithmetic depend on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class UnsupportedModel(ValueError):
    """A configuration that doubletime would compute wrongly. The message names the field and its value."""


class Activation(Enum):
    """The gate of the MLP."""

    SILU = "silu"
    GELU_TANH = "gelu_tanh"


class RopeKind(Enum):
    """How the rotary frequencies are stretched to longer contexts."""

    DEFAULT = "default"
    LINEAR = "linear"
    LLAMA3 = "llama3"


@dataclass(frozen=True, slots=True)
class Rope:
    """Rotary embedding: frequencies theta ** (-2i / head_dim), then stretched by `factor` according to `kind`."""

    theta: float
    kind: RopeKind = RopeKind.DEFAULT
    factor: float = 1.0
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    original_max_position: int = 0


@dataclass(frozen=True, slots=True)
class MoE:
    """Mixture of experts: each token visits `top_k` of `experts`, each with its own `intermediate` size."""

    experts: int
    top_k: int
    intermediate: int
    normalize: bool  # the chosen experts' probabilities are made to sum to 1


@dataclass(frozen=True, slots=True)
class ModelShape:
    """One decoder-only transformer. `windows[i]` is layer i's attention window in tokens, 0 for full attention.

    `sparse[i]` tells whether layer i's MLP is a mixture of experts. `dtype` is that of the published weights.
    """

    family: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    windows: tuple[int, ...]
    rope: Rope
    norm_eps: float
    max_position: int
    local_rope: Rope | None = None  # of the window layers, where it differs
    activation: Activation = Activation.SILU
    attention_scale: float = 0.0  # 0: head_dim ** -0.5
    attention_bias: bool = False
    qk_norm: bool = False
    unit_offset_norm: bool = False  # norms multiply by 1 + weight
    sandwich_norms: bool = False  # norms after attention and MLP too
    embedding_scale: float = 1.0
    tied: bool = False
    moe: MoE | None = None
    sparse: tuple[bool, ...] = ()
    eos: tuple[int, ...] = ()
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if self.heads % self.kv_heads:
            raise UnsupportedModel(f"num_key_value_heads {self.kv_heads} does not divide {self.heads} heads")
        if len(self.windows) != self.layers:
            raise UnsupportedModel(f"layer_types has {len(self.windows)} entries for {self.layers} layers")

    @property
    def scale(self) -> float:
        """What attention scores are multiplied by."""
        return self.attention_scale or self.head_dim**-0.5

    def rope_of(self, layer: int) -> Rope:
        return self.local_rope if self.local_rope is not None and self.windows[layer] else self.rope

    def is_sparse(self, layer: int) -> bool:
        return self.moe is not None and (not self.sparse or self.sparse[layer])
