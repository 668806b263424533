"""Attention of decodes alone: the bytes of the cache over a bandwidth that needs enough thread blocks to saturate.

One block walks over the keys of one KV head of one sequence, with that head's query heads packed into its tile. Where
these are too few for U multiprocessors, the keys are split over several blocks and a second kernel combines them
(Dao et al. 2023, "Flash-Decoding for long-context inference"):

    t = t_0 + w x + h y + [(bytes / (B m))^p + (walk / s)^p + (tiles / (F e))^p]^(1/p)

x = blocks / U and y = query heads / U, `walk` the bytes of one block's keys at one multiprocessor's share of B, times
the waves of blocks, `tiles` the products of whole tiles. t_0, w, h, m, s, e, p are fitted per machine and KV format.

Tables that repeat one call on the same cache find what is small enough in the last-level cache: bytes below
`kept` (fitted) cost `hot` (fitted) of the rest. A model's other layers and weights flush it between two steps, so
`estimate` adds back what that saved; `measured` does not. Tables taken inside a model show no such saving (hot = 1).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from doubletime.hardware.estimate import Estimate
from doubletime.hardware.machine import ELEMENT_BYTES, AttentionShape, Spec
from doubletime.hardware.ops.attention_kernels import KERNELS, Kernel
from doubletime.hardware.residual import Fit

# FlashAttention's num_splits_heuristic: no split where blocks nearly fill the device, else as many as fill it once.
RESIDENT = 2  # blocks of one multiprocessor
ENOUGH = 0.8  # of what fills the device
SPLIT = 128  # keys below which a block is not split further
MOST_SPLITS = 128
FLUSH_ERROR = 0.25  # of what is added back: assumed
SKEW = 0.04  # of the way to the longest: fitted to LLMServingSim's skewed batches (docs/design/cost-model.md)


class Terms(NamedTuple):
    """Seconds at the data sheet's peaks; `blocks` and `heads` per multiprocessor."""

    memory: float  # cache, queries and outputs, once
    serial: float  # one block after another on one multiprocessor, after splitting
    tiles: float  # products of whole tiles, most of them padding
    blocks: float  # before splitting
    heads: float


def terms(shape: AttentionShape, decodes: float, context: float, spec: Spec, kernel: Kernel) -> Terms:
    """`context`: mean tokens in the cache of one sequence, the new one included."""
    heads, kv_heads, head_dim, window, kv, _ = shape
    keys = min(context, window) if window else context
    width = 2 * head_dim * ELEMENT_BYTES[kv]
    packed = kernel.always_packs or (heads > kv_heads and not window)
    blocks = decodes * (kv_heads * math.ceil(heads / kv_heads / kernel.tile) if packed else heads)
    slots = RESIDENT * spec.units
    splits = 1.0
    if packed and blocks < ENOUGH * slots:
        splits = max(1.0, min(slots // blocks, math.ceil(keys / SPLIT), MOST_SPLITS))
    waves = max(1.0, blocks * splits / slots)
    return Terms(
        (decodes * kv_heads * keys * width + decodes * heads * head_dim * 4) / spec.bandwidth,
        waves * keys / splits * width * spec.units / (RESIDENT * spec.bandwidth),
        4 * head_dim * blocks * kernel.tile * keys / spec.flops["bfloat16"],
        blocks / spec.units,
        decodes * heads / spec.units,
    )


def base(x: Terms, constants: tuple[float, ...]) -> float:
    """The module's equation, with what the last-level cache saves. Also takes arrays."""
    launch, wave, head, m, s, e, p, kept, hot = constants
    full = (x.memory / kept) ** 6
    memory = x.memory * m * (hot + full) / (1 + full)
    streamed: float = (memory**p + (x.serial * s) ** p + (x.tiles * e) ** p) ** (1 / p)
    return launch + wave * x.blocks + head * x.heads + streamed


def features(shape: AttentionShape, decodes: float, context: float, x: Terms) -> list[float]:
    """Of the residual: sizes, how full waves are, and which resource binds."""
    keys = min(context, shape.window) if shape.window else context
    return [
        math.log2(decodes),
        math.log2(keys),
        math.log2(shape.kv_heads),
        math.log2(shape.heads),
        shape.heads / shape.kv_heads,
        shape.head_dim,
        shape.window or 1e6,
        math.log2(x.blocks),
        math.ceil(x.blocks) / x.blocks if x.blocks < 32 else 1.0,
        math.log2(x.memory),
        math.log2(x.serial),
        math.log2(x.memory / x.tiles),
        math.log2(context),
    ]


class Decode:
    """Decodes over one KV format on one machine."""

    def __init__(self, fit: Fit, spec: Spec, kernel: Kernel) -> None:
        self._fit = fit
        self._spec = spec
        self._kernel = kernel
        self._cold = (*fit.constants[:-1], 1.0)

    @classmethod
    def from_json(cls, data: dict[str, Any], spec: Spec) -> Decode:
        return cls(Fit.from_json(data), spec, KERNELS[data["kernel"]])

    def measured(self, shape: AttentionShape, decodes: float, context: float) -> Estimate:
        """As the table has it: the same cache, read over and over."""
        x = terms(shape, decodes, context, self._spec, self._kernel)
        return self._fit.estimate(base(x, self._fit.constants), features(shape, decodes, context, x))

    def estimate(self, shape: AttentionShape, decodes: float, context: float) -> Estimate:
        """In a model, where something else ran since: see the module's docstring."""
        x = terms(shape, decodes, context, self._spec, self._kernel)
        warm = base(x, self._fit.constants)
        flushed = base(x, self._cold) - warm
        found = self._fit.estimate(warm, features(shape, decodes, context, x))
        seconds = max(found.seconds + flushed, x.memory)
        return found._replace(seconds=seconds, error=math.hypot(found.error, FLUSH_ERROR * flushed / seconds))

    def skewed(self, shape: AttentionShape, decodes: float, context: float, longest: float) -> Estimate:
        """Unequal lengths: a small step from all at the mean towards all at the longest (see SKEW)."""
        found = self.estimate(shape, decodes, context)
        if longest <= context:
            return found
        more = self.estimate(shape, decodes, longest).seconds - found.seconds
        return found._replace(seconds=found.seconds + SKEW * max(0.0, more))
