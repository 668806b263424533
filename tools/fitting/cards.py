"""The models that LLMServingSim measured on the RTX cards, one tensor-parallel rank each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools.fitting import tables


class Model(NamedTuple):
    """What one rank holds."""

    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    inner: int
    vocab: int

    def split(self, ranks: int) -> Model:
        return Model(
            self.hidden,
            self.heads // ranks,
            self.kv_heads // ranks,
            self.head_dim,
            self.inner // ranks,
            self.vocab // ranks,
        )

    def products(self) -> dict[str, tuple[int, int]]:
        """(n, k) of the layers."""
        return {
            "qkv_proj": ((self.heads + 2 * self.kv_heads) * self.head_dim, self.hidden),
            "o_proj": (self.hidden, self.heads * self.head_dim),
            "gate_up_proj": (2 * self.inner, self.hidden),
            "down_proj": (self.hidden, self.inner),
            "lm_head": (self.vocab, self.hidden),
        }


# As in their config.json; the mixture's inner width is of no product here.
MODELS = {
    "Llama-3.1-8B": Model(4096, 32, 8, 128, 14336, 128256),
    "Qwen3-32B": Model(5120, 64, 8, 128, 25600, 151936),
    "Qwen3-30B-A3B-Instruct-2507": Model(2048, 32, 4, 128, 0, 151936),
}


def models(data: Path, machine: str, table: str = "dense") -> Iterator[tuple[Path, Model]]:
    for path in tables.card(data, machine, table):
        name, _, rest = path.name.partition("_bf16_tp")
        yield path, MODELS[name].split(int(rest[0]))
