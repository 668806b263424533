"""What is measured, in the terms that every engine is asked in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Precision = Literal["32", "16", "8", "4"]
PRECISIONS: tuple[Precision, ...] = ("32", "16", "8", "4")
NEW_TOKENS = 64  # decoded by each sequence while the clock runs
BATCHES = (1, 8, 16, 32)
SHORT, LONG = 128, 4096  # tokens of context of a decode
PROMPTS = (512, 2048)
LENGTH = 4352  # tokens that the longest request needs, rounded up to a multiple of 256


@dataclass(frozen=True, slots=True)
class Point:
    """A rate in tokens/s: of `batch` sequences decoding after `context` tokens, or of one prompt of `context`."""

    kind: Literal["decode", "prefill"]
    batch: int
    context: int

    @property
    def label(self) -> str:
        return f"prefill {self.context}" if self.kind == "prefill" else f"decode B={self.batch} at {self.context}"


@dataclass(frozen=True, slots=True)
class Model:
    """A checkpoint on disk: the Hugging Face folder, whose GGUF files lie in it too."""

    name: str
    folder: Path
    config: Mapping[str, Any]

    @property
    def kv_values(self) -> int:
        """Numbers that the KV cache holds for a token."""
        config = self.config
        return 2 * int(config["num_hidden_layers"] * config["num_key_value_heads"] * config["head_dim"])


@dataclass(frozen=True, slots=True)
class Rates:
    """Tokens/s by point, and the most memory that the processes held together, in bytes."""

    values: Mapping[Point, float]
    peak_bytes: int


def points(sections: frozenset[str], quick: bool) -> list[Point]:
    """The rates that the sections `decode` and `prefill` ask for."""
    wanted: list[Point] = []
    if "decode" in sections:
        wanted += [Point("decode", batch, SHORT) for batch in ((1, 8) if quick else BATCHES)]
        wanted += [] if quick else [Point("decode", 1, LONG)]
    if "prefill" in sections:
        wanted += [Point("prefill", 1, length) for length in (PROMPTS[:1] if quick else PROMPTS)]
    return wanted
