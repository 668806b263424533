"""What a model is, in numbers: everything about it that memory, cost and arithmetic depend on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class UnsupportedModel(ValueError):
    """A configuration that doubletime would compute wrongly. The message names the field and its value."""


class Activation(Enum):
    """Of the MLP: of its gate, or between its two matrices where it has none."""

    SILU = "silu"
    GELU_TANH = "gelu_tanh"
    RELU = "relu"


class RopeKind(Enum):
    """How the rotary frequencies are stretched to longer contexts."""

    DEFAULT = "default"
    LINEAR = "linear"
    LLAMA3 = "llama3"
    FACTORS = "factors"


@dataclass(frozen=True, slots=True)
class Rope:
    """Rotary embedding: frequencies theta ** (-2i / head_dim), then stretched by `factor` according to `kind`.

    `theta` 0: the model has none (`learned_positions`). `factors`: each frequency is divided by one of its own.
    """

    theta: float
    kind: RopeKind = RopeKind.DEFAULT
    factor: float = 1.0
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    original_max_position: int = 0
    factors: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class MoE:
    """Mixture of experts: each token visits `top_k` of `experts`, each with its own `intermediate` size.

    `shared` is the inner width of what every token visits besides (all shared experts together), 0 if there is none.
    `weights` is the number format of the published experts where it is not that of the other weights.
    """

    experts: int
    top_k: int
    intermediate: int
    normalize: bool  # the chosen experts' probabilities are made to sum to 1
    shared: int = 0
    weights: str = ""


@dataclass(frozen=True, slots=True)
class Latent:
    """Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1): what is cached is one vector a token.

    Queries come from a compressed vector of `q_rank` (0: straight from the hidden state). Keys and values of all heads
    are computed from a vector of `kv_rank`; `rope` more numbers, shared by all heads, carry the position. Each head's
    query and key have `nope` + `rope` numbers, its value `value`.
    """

    q_rank: int
    kv_rank: int
    nope: int
    rope: int
    value: int

    @property
    def width(self) -> int:
        """Numbers that a token caches in a layer."""
        return self.kv_rank + self.rope


@dataclass(frozen=True, slots=True)
class ModelShape:
    """One decoder-only transformer. `windows[i]` is layer i's attention window in tokens, 0 for full attention.

    `sparse[i]` tells whether layer i's MLP is a mixture of experts. `dtype` is that of the published weights, `weights`
    the number format of the layers' matrices where they were published in another. With `latent`, `head_dim` is that of
    queries and keys, and every head has a key and a value of its own.
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
    qkv_bias: bool = False  # of query, key and value alone
    mlp_bias: bool = False  # of every matrix of the MLP, experts and router too
    norm_bias: bool = False  # layer norms, not RMS norms
    sinks: bool = False  # a learned score for each head that takes weight from all tokens
    gated: bool = True  # down(activation(gate(x)) × up(x)); else down(activation(up(x)))
    learned_positions: int = 0  # rows of a table of position embeddings
    latent: Latent | None = None
    qk_norm: bool = False
    unit_offset_norm: bool = False  # norms multiply by 1 + weight
    sandwich_norms: bool = False  # norms after attention and MLP too
    embedding_scale: float = 1.0
    tied: bool = False
    moe: MoE | None = None
    sparse: tuple[bool, ...] = ()
    eos: tuple[int, ...] = ()
    dtype: str = "float32"
    weights: str = ""

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
