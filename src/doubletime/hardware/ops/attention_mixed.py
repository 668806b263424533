"""Attention of prefill chunks and decodes in one launch of an unsplit kernel (FlashAttention 2).

Adding the times of the two kinds is wrong by a third. In the shared launch a decode is a tile of its own for each query
head, with one row of `d` used; its keys are not split, so that the longest decode may be the longest block of all:

    t = t_0 + w x + [((C + d R) e)^p + ((bytes + q bytes_d) m)^p + (max(walk, u walk_d) a)^p]^(1/p)

C, bytes, walk and the constants t_0 … p are those of the prefill equation, R = 4 (D + s) H keys / F the products of one
row for every decode, bytes_d and walk_d those of the decodes. d, q, u are fitted: d comes out near 64, the rows of the
kernel's tile, on the two cards where mixed batches were measured.
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
    decode_memory: float
    decode_serial: float


def terms(shape: AttentionShape, chunks: Uniform, decodes: Decodes, spec: Spec) -> Terms:
    x = attention_prefill.terms(shape, chunks, spec)
    count, context, longest = decodes
    if shape.window:
        context, longest = min(context, shape.window), min(longest, shape.window)
    flops = spec.flops["bfloat16"]
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
        count * shape.kv_heads * context * 2 * ELEMENT_BYTES[shape.kv] * shape.head_dim / spec.bandwidth,
        4 * shape.head_dim * TILE * longest * spec.units / flops,
    )


def base(x: Terms, constants: tuple[float, ...]) -> float:
    """The module's equation. Also takes arrays."""
    launch, wave, e, s, r, m, a, p, d, q, u = constants
    compute = (x.compute + x.softmax * s + x.ragged * r + (x.rows + x.row_softmax * s) * d) * e
    memory = (x.memory + x.decode_memory * q) * m
    serial = (x.serial**_HARD + (x.decode_serial * u) ** _HARD) ** (1 / _HARD) * a
    seconds: float = launch + wave * x.blocks + (compute**p + memory**p + serial**p) ** (1 / p)
    return seconds


def features(shape: AttentionShape, chunks: Uniform, decodes: Decodes, x: Terms) -> list[float]:
    """Of the residual: sizes, how full waves are, the share of each kind, and which resource binds."""
    compute, serial = x.compute + TILE / 2 * x.rows, x.serial + x.decode_serial
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
