"""Attention of prefill chunks and decodes in one launch of an unsplit kernel (FlashAttention 2).

Adding the times of the two kinds is wrong by a third. In the shared launch each query head of a decode is a tile of its
own, with one row of `d` used; its keys are not split, so that the longest decode may be the longest block of all; heads
of one group read the same keys at once, from the last-level cache, unless the decodes are too many; and the grid has as
many blocks for every decode as the longest chunk has tiles, most of them idle:

    t = t_0 + w x + i idle + [W^2 + (max(walk, u walk_d) a)^2]^(1/2),   W = [((C + d R) e)^p + (M m)^p]^(1/p)
    M = bytes + q (bytes_d + missed reread),   missed = sat((bytes_d / K) / kept, 2) sat((n H / K) / U / crowd, 6)

with sat(z, k) = z^k / (1 + z^k). C, bytes, walk and t_0 … p are as in the prefill equation, but fitted anew where mixed
calls were measured; R are the products of one row for every decode, `reread` the bytes that the other heads of a group
read. d, q, u, i, kept, crowd are fitted: d comes out near 64, the rows of the kernel's tile, on both measured cards.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from doubletime.hardware.estimate import Basis, Estimate
from doubletime.hardware.machine import ELEMENT_BYTES, AttentionShape, Spec
from doubletime.hardware.ops import attention_prefill
from doubletime.hardware.ops.attention_prefill import TILE, Uniform
from doubletime.hardware.residual import Fit

PREFILL_CONSTANTS = 8
ROWS = 64  # of queries in a tile
_SOFT = 2  # exponent of the maximum of all work and one walk
_HARD = 8  # exponent of the maximum of two walks


class Decodes(NamedTuple):
    """`context` is the mean, `longest` the largest number of tokens that one of them reads."""

    number: float
    context: float
    longest: float


class Terms(NamedTuple):
    """As of prefill, and the same of the decodes."""

    compute: float
    softmax: float
    ragged: float
    memory: float
    serial: float
    blocks: float
    rows: float  # products of one row for every decode
    row_softmax: float
    decode_memory: float  # of one KV head's cache, read once for all
    reread: float  # the same for the other query heads of the group
    head_cache: float  # the cache of one KV head in all decodes
    crowd: float  # blocks of one group's decodes, per multiprocessor
    decode_serial: float
    idle: float  # blocks that find nothing to do: the grid has as many for every decode as the chunk has tiles


def terms(shape: AttentionShape, chunks: Uniform, decodes: Decodes, spec: Spec) -> Terms:
    x = attention_prefill.terms(shape, chunks, spec)
    count, context, longest = decodes
    if shape.window:
        context, longest = min(context, shape.window), min(longest, shape.window)
    flops = spec.flops["bfloat16"]
    head_cache = count * context * 2 * ELEMENT_BYTES[shape.kv] * shape.head_dim / spec.bandwidth
    row = 4 * shape.heads * count * context / flops
    return Terms(
        x.compute,
        x.softmax,
        x.ragged,
        x.memory,
        x.serial,
        x.blocks + count * shape.heads / spec.units,
        shape.head_dim * row,
        row,
        head_cache * shape.kv_heads,
        head_cache * (shape.heads - shape.kv_heads),
        head_cache,
        count * shape.heads / shape.kv_heads / spec.units,
        4 * shape.head_dim * TILE * longest * spec.units / flops,
        count * shape.heads * (chunks.tokens / ROWS) / spec.units,
    )


def base(x: Terms, constants: tuple[float, ...]) -> float:
    """The module's equation. Also takes arrays."""
    launch, wave, e, s, r, m, a, p, d, q, u, i, kept, crowd = constants
    compute = (x.compute + x.softmax * s + x.ragged * r + (x.rows + x.row_softmax * s) * d) * e
    fits, together = (x.head_cache / kept) ** 2, (x.crowd / crowd) ** 6
    missed = fits / (1 + fits) * together / (1 + together)
    memory = (x.memory + (x.decode_memory + x.reread * missed) * q) * m
    serial = (x.serial**_HARD + (x.decode_serial * u) ** _HARD) ** (1 / _HARD) * a
    work = (compute**p + memory**p) ** (1 / p)
    seconds: float = launch + wave * x.blocks + i * x.idle + (work**_SOFT + serial**_SOFT) ** (1 / _SOFT)
    return seconds


def features(shape: AttentionShape, chunks: Uniform, decodes: Decodes, x: Terms) -> list[float]:
    """Of the residual: sizes, how full waves are, the share of each kind, and which resource binds."""
    compute, serial = x.compute + TILE / 2 * x.rows, x.serial + x.decode_serial
    crowd = x.crowd * shape.kv_heads
    return [
        math.log2(chunks.tokens),
        math.log2(chunks.start + 1),
        math.log2(decodes.number),
        math.log2(decodes.context),
        math.log2(shape.heads),
        shape.heads / shape.kv_heads,
        math.log2(x.blocks),
        math.ceil(x.blocks) / x.blocks,
        math.log2(x.compute / x.rows),
        math.log2(x.serial / x.decode_serial),
        math.log2(compute / (x.memory + x.decode_memory)),
        math.log2(compute / serial),
        math.log2(compute),
        math.log2(max(x.serial, x.decode_serial)),
        math.log2(decodes.longest / decodes.context),
        math.log2(crowd),
        math.ceil(crowd) / crowd,
        math.log2(x.head_cache),
        math.log2(x.crowd),
    ]


class Mixed:
    """Chunks beside decodes on one machine."""

    def __init__(self, fit: Fit, spec: Spec, transferred: bool) -> None:
        self._fit = fit
        self._spec = spec
        self._transferred = transferred

    @classmethod
    def from_json(cls, data: dict[str, Any], spec: Spec) -> Mixed:
        return cls(Fit.from_json(data), spec, data["transferred"])

    def estimate(self, shape: AttentionShape, chunks: Uniform, decodes: Decodes) -> Estimate:
        x = terms(shape, chunks, decodes, self._spec)
        found = self._fit.estimate(base(x, self._fit.constants), features(shape, chunks, decodes, x))
        return found._replace(basis=Basis.TRANSFERRED) if self._transferred else found
