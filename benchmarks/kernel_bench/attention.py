"""Attention and the writing of keys and values, with a cache that no processor's cache holds.

Bytes are those of keys and values, read once; operations those that causal attention needs. Only a bfloat16 cache on
AVX-512 is multiplied in its own type, all others in float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.kernel_bench.ceilings import Ceilings
from benchmarks.kernel_bench.paged import BLOCK, Heads, Layers
from benchmarks.kernel_bench.record import Record, record
from benchmarks.kernel_bench.timing import seconds_per_call
from doubletime.kernels.cpu.abi import Kind
from doubletime.kernels.cpu.binding import level

KINDS = (Kind.F32, Kind.F16, Kind.BF16, Kind.Q8)
HEADS = (Heads(12, 4, 64), Heads(16, 8, 128), Heads(32, 4, 128))
_COLD = 192 << 20  # bytes of keys and values in all


@dataclass(frozen=True, slots=True)
class Case:
    """`batch` sequences of `tokens` new rows each at the end of `context` tokens, of which the first `shared` are one
    prefix of all."""

    name: str
    batch: int
    tokens: int
    context: int
    shared: int = 0

    @property
    def read(self) -> int:
        """Tokens whose keys and values are read."""
        return self.shared + self.batch * (self.context - self.shared)

    @property
    def seen(self) -> int:
        """Pairs of a row and a position that it attends to."""
        return self.batch * sum(range(self.context - self.tokens + 1, self.context + 1))

    def table(self) -> Tensor:
        common = torch.arange(self.shared // BLOCK).expand(self.batch, -1)
        own = torch.arange(self.batch * (self.context - self.shared) // BLOCK).view(self.batch, -1)
        return torch.cat([common, own + common.shape[1]], dim=1).contiguous()


CASES = (
    Case("decode", 1, 1, 4096),
    Case("decode", 16, 1, 1024),
    Case("shared", 32, 1, 4096 + 64, shared=4096),
    Case("prefill", 1, 512, 512),
    Case("prefill", 1, 2048, 2048),
)


def measure(ceilings: Ceilings, budget: float) -> Iterator[Record]:
    """Every kind of cache, shape of heads and case, each for about `budget` seconds."""
    for kind in KINDS:
        arithmetic = kind if kind is Kind.BF16 and level() == "avx512" else Kind.F32
        for heads in HEADS:
            shape = f"{heads.queries}/{heads.keys} x {heads.dim}"
            for case in CASES:
                nbytes = heads.nbytes(kind, case.read)
                layers = _layers(heads, kind, case, 1 + _COLD // nbytes if case.tokens == 1 else 1)
                names = ("attention", f"{case.name} {kind.name}", f"B={case.batch} L={case.context} {shape}")
                operations = 4.0 * case.seen * heads.queries * heads.dim
                seconds = seconds_per_call(layers.attend, budget)
                yield record(names, seconds, arithmetic, nbytes, operations, ceilings)
            yield _storing(heads, kind, shape, ceilings, budget)


def _layers(heads: Heads, kind: Kind, case: Case, copies: int) -> Layers:
    starts = [case.context - case.tokens] * case.batch
    return Layers(heads, kind, copies, case.table(), starts, case.tokens)


def _storing(heads: Heads, kind: Kind, shape: str, ceilings: Ceilings, budget: float) -> Record:
    """Reading projections, writing queries, keys and values."""
    case = Case("store", 1, 512, 512)
    layers = _layers(heads, kind, case, copies=1)
    floats = 512 * heads.dim * 2 * (heads.queries + heads.keys)
    seconds = seconds_per_call(layers.store, budget)
    names = ("attention", f"store {kind.name}", f"T=512 {shape}")
    return record(names, seconds, Kind.F32, heads.nbytes(kind, 512) + 4 * floats, 0.0, ceilings)
