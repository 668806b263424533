"""Attention of prefill chunks alone: a smooth roofline over tiles of queries, times a learned residual.

FlashAttention gives each thread block one tile of queries of one head; the block walks over the keys that the tile may
see (Dao 2023, "FlashAttention-2", section 3.2). With N query–key pairs of all heads and D the head's width,

    t = t_0 + w x + [(4 (D + s) N (1 + r / c) / (F e))^p + (bytes / (B m))^p + (walk / a)^p]^(1/p)

where s is the softmax's share, r the rows that a tile of a chunk of c tokens wastes, `walk` one block's way over all
keys on one multiprocessor of U, and x = blocks / U. t_0, w, e, s, r, m, a, p are fitted per machine and KV format.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from doubletime.hardware.estimate import Basis, Estimate
from doubletime.hardware.machine import ELEMENT_BYTES, AttentionShape, Spec
from doubletime.hardware.ops.attention_kernels import KERNELS, Kernel
from doubletime.hardware.residual import Fit

TILE = 128  # queries of one thread block
PREFIX_ERROR = 0.2  # of the base's way with a cached prefix, where none was measured (docs/design/cost-model.md)


class Uniform(NamedTuple):
    """`number` equal chunks of `tokens` after `start` cached tokens; `number` need not be whole."""

    number: float
    tokens: float
    start: float


def uniform(prefills: Iterable[tuple[int, int]]) -> Uniform:
    """The uniform batch that stands for unequal chunks (tokens c_i after start_i).

    c = Σc² / Σc and B = (Σc)² / Σc² keep the tokens B c and the causal half of the pairs, B c² / 2. The start is the
    mean weighted by tokens, so that the pairs B c (start + c / 2) = Σ c (start + c / 2) are kept as well.
    """
    tokens = squares = cached = 0
    for chunk, start in prefills:
        tokens += chunk
        squares += chunk * chunk
        cached += chunk * start
    return Uniform(tokens * tokens / squares, squares / tokens, cached / tokens)


def pairs(tokens: float, start: float, window: float) -> float:
    """Query–key pairs of one causal chunk, where a query sees at most `window` keys (0: all)."""
    if not window or start + tokens <= window:
        return tokens * (start + (tokens + 1) / 2)
    growing = max(0.0, window - start)
    return growing * (start + (growing + 1) / 2) + (tokens - growing) * window


class Terms(NamedTuple):
    """Seconds at the data sheet's peaks; `blocks` is thread blocks per multiprocessor."""

    compute: float  # products of the pairs
    softmax: float  # one multiply-add for each pair, twice
    ragged: float  # products of one more row in each chunk
    memory: float  # Q, K, V and O once
    serial: float  # one block over all keys
    blocks: float


def terms(shape: AttentionShape, batch: Uniform, spec: Spec) -> Terms:
    """`shape.latent` is ignored: see attention_latent."""
    count, tokens, start = batch
    heads, kv_heads, head_dim, window, kv, _ = shape
    all_pairs = 4 * count * heads * pairs(tokens, start, window) / spec.flops["bfloat16"]
    reach, read = start + tokens, start
    if window:
        reach, read = min(reach, window + TILE), min(start, window)
    width = tokens * heads * 4 + (read + tokens) * kv_heads * 2 * ELEMENT_BYTES[kv]
    return Terms(
        head_dim * all_pairs,
        all_pairs,
        head_dim * all_pairs / tokens,
        count * width * head_dim / spec.bandwidth,
        4 * head_dim * TILE * reach * spec.units / spec.flops["bfloat16"],
        count * heads * math.ceil(tokens / TILE) / spec.units,
    )


def base(x: Terms, constants: tuple[float, ...]) -> float:
    """The module's equation. Also takes arrays."""
    launch, wave, e, s, r, m, a, p = constants
    compute = (x.compute + x.softmax * s + x.ragged * r) * e
    seconds: float = launch + wave * x.blocks + (compute**p + (x.memory * m) ** p + (x.serial * a) ** p) ** (1 / p)
    return seconds


def features(shape: AttentionShape, batch: Uniform, x: Terms) -> list[float]:
    """Of the residual: sizes, how full tiles and waves are, and which resource binds."""
    count, tokens, start = batch
    group = shape.heads / shape.kv_heads
    packed = tokens * group / TILE
    return [
        math.log2(tokens),
        math.log2(pairs(tokens, start, shape.window) / tokens),
        math.log2(count),
        math.log2(shape.heads),
        math.log2(group),
        shape.head_dim,
        shape.window or 1e6,
        math.log2(x.blocks),
        math.ceil(x.blocks) / x.blocks,
        tokens / 64 / math.ceil(tokens / 64),
        packed / math.ceil(packed),
        math.log2(packed * count * shape.kv_heads),
        math.log2(x.compute / x.memory),
        math.log2(x.serial / x.compute),
        math.log2(x.memory),
    ]


def roofline(x: Terms) -> float:
    return max(x.compute, x.memory)


class Prefill:
    """Chunks over one KV format on one machine."""

    def __init__(self, fit: Fit, spec: Spec, kernel: Kernel, prefixes: bool) -> None:
        """`prefixes`: whether chunks after a cached prefix were measured."""
        self.kernel = kernel
        self._prefixes = prefixes
        self._fit = fit
        self._spec = spec

    @classmethod
    def from_json(cls, data: dict[str, Any], spec: Spec) -> Prefill:
        return cls(Fit.from_json(data), spec, KERNELS[data["kernel"]], data["prefixes"])

    @property
    def launch(self) -> float:
        """Seconds of an empty call."""
        return self._fit.constants[0]

    def estimate(self, shape: AttentionShape, batch: Uniform) -> Estimate:
        x = terms(shape, batch, self._spec)
        found = self._fit.estimate(base(x, self._fit.constants), features(shape, batch, x))
        found = found._replace(seconds=max(found.seconds, roofline(x)))
        if self._prefixes or not batch.start:
            return found
        return Estimate(found.seconds, max(found.error, PREFIX_ERROR), Basis.EXTRAPOLATED)
