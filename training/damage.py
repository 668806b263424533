"""What lossy techniques do to the cached context, in their simplest form: window, random eviction, few bits."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Cache = list[tuple[Tensor, Tensor]]  # keys (rotated) and values of each layer, [1, kv_heads, time, head_dim]
Damage = Callable[[Cache, torch.Generator], tuple[Cache, Tensor]]  # the cache after it, and which keys stay [time]


def _time(cache: Cache) -> int:
    return cache[0][0].shape[2]


def untouched(cache: Cache, generator: torch.Generator) -> tuple[Cache, Tensor]:
    return cache, torch.ones(_time(cache), dtype=torch.bool)


def window(size: int) -> Damage:
    """Only the last `size` tokens of the context stay."""

    def apply(cache: Cache, generator: torch.Generator) -> tuple[Cache, Tensor]:
        return cache, torch.arange(_time(cache)) >= _time(cache) - size

    return apply


def evict(share: float) -> Damage:
    """A random share of the tokens is dropped, the same ones in every layer."""

    def apply(cache: Cache, generator: torch.Generator) -> tuple[Cache, Tensor]:
        time = _time(cache)
        kept = torch.ones(time, dtype=torch.bool)
        kept[torch.randperm(time, generator=generator)[: int(time * share)]] = False
        return cache, kept

    return apply


def quantise(bits: int) -> Damage:
    """Keys and values are rounded to `2**bits` levels between the extremes of each head's vector."""

    def rounded(x: Tensor) -> Tensor:
        low, high = x.amin(-1, keepdim=True), x.amax(-1, keepdim=True)
        scale = (high - low).clamp_min(1e-8) / (2**bits - 1)
        return ((x - low) / scale).round() * scale + low

    def apply(cache: Cache, generator: torch.Generator) -> tuple[Cache, Tensor]:
        return [(rounded(k), rounded(v)) for k, v in cache], torch.ones(_time(cache), dtype=torch.bool)

    return apply


def symmetric_2bit(cache: Cache, generator: torch.Generator) -> tuple[Cache, Tensor]:
    """Keys and values become -m, 0 or m, with m the largest magnitude of each head's vector."""

    def rounded(x: Tensor) -> Tensor:
        scale = x.abs().amax(-1, keepdim=True).clamp_min(1e-8)
        return (x / scale).round() * scale

    return [(rounded(k), rounded(v)) for k, v in cache], torch.ones(_time(cache), dtype=torch.bool)


DAMAGES: dict[str, Damage] = {
    "full": untouched,
    "window_256": window(256),
    "evict_half": evict(0.5),
    "kv_4bit": quantise(4),
    "kv_2bit": quantise(2),
    "kv_2bit_symmetric": symmetric_2bit,
}
