"""Sizes of the models and settings of the runs, one dataclass each, and the presets by name."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """A Llama-architecture decoder; `heads * head_dim` may differ from `hidden`."""

    vocab: int = 4096
    hidden: int = 192
    layers: int = 6
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 64
    ff: int = 512
    max_positions: int = 4096
    rope_theta: float = 1_000_000.0
    norm_eps: float = 1e-5

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Special:
    """Special tokens; their ids are their positions in `ORDER`."""

    END_OF_TEXT = "<|endoftext|>"
    START = "<|im_start|>"
    END = "<|im_end|>"
    PAD = "<|pad|>"
    ORDER = (END_OF_TEXT, START, END, PAD)


MODELS: dict[str, ModelConfig] = {
    "small": ModelConfig(),
    "draft": ModelConfig(hidden=96, layers=2, heads=3, kv_heads=1, head_dim=32, ff=256),
}
