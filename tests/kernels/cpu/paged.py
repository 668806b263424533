"""A paged cache and the native functions that write and read it, beside the same in float64, for tests."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from doubletime.kernels.cpu import abi
from doubletime.kernels.cpu.binding import library
from doubletime.kernels.reference import apply_rope, rms_norm, rope_table

PLAIN = {abi.Kind.F32: torch.float32, abi.Kind.F16: torch.float16, abi.Kind.BF16: torch.bfloat16}
EPS = 1e-6


@dataclass(frozen=True, slots=True)
class Shape:
    """What one attention layer is."""

    heads: int = 4
    kv_heads: int = 2
    dim: int = 16
    kind: abi.Kind = abi.Kind.F32
    block: int = 16
    window: int = 0
    cap: float = 0.0
    sinks: Tensor | None = None  # float32 [heads]
    norm: Tensor | None = None  # float32 [dim], of queries and keys alike

    def of(self, kind: abi.Kind) -> Shape:
        return replace(self, kind=kind)

    @property
    def scale(self) -> float:
        return 1 / math.sqrt(self.dim)

    @property
    def width(self) -> int:
        """Floats of a row's projections."""
        return (self.heads + 2 * self.kv_heads) * self.dim

    @property
    def tile_bytes(self) -> int:
        if self.kind is abi.Kind.Q8:
            return 16 * self.dim + 64
        return 16 * self.dim * PLAIN[self.kind].itemsize


@dataclass(frozen=True, slots=True)
class Slab:
    """Rows of one sequence: `tokens` of them from position `start`, and the blocks of all its positions."""

    start: int
    tokens: int
    blocks: Sequence[int]


class Batch:
    """Slabs as the library wants them. Tables of sequences lie in reverse, as nobody promises their order."""

    def __init__(self, slabs: Sequence[Slab], cache: abi.Cache) -> None:
        width = max(len(slab.blocks) for slab in slabs) + 1
        table = torch.full((len(slabs), width), -1)
        for seq, slab in enumerate(slabs):
            table[len(slabs) - 1 - seq, : len(slab.blocks)] = torch.tensor(slab.blocks)
        start = torch.tensor([slab.start for slab in slabs], dtype=torch.int32)
        tokens = torch.tensor([slab.tokens for slab in slabs], dtype=torch.int32)
        rows = torch.arange(len(slabs)).flip(0).contiguous()
        self._kept = (table, start, tokens, rows)
        self.rows = int(tokens.sum())
        self.struct = abi.Batch(
            rows=self.rows,
            seqs=len(slabs),
            groups=1,
            start=start.data_ptr(),
            tokens=tokens.data_ptr(),
            tables=(ctypes.c_void_p * 1)(table.data_ptr()),
            table_width=(ctypes.c_int64 * 1)(width),
            table_rows=(ctypes.c_void_p * 1)(rows.data_ptr()),
            caches=ctypes.pointer(cache),
        )


class Paged:
    """One layer over a cache of `blocks` blocks, of which every byte is 0xff (not a number) until it is written."""

    def __init__(self, shape: Shape, blocks: int) -> None:
        self.shape = shape
        self.tiles = blocks * shape.block // 16
        head = self.tiles * shape.tile_bytes
        self.memory = torch.full((2, shape.kv_heads, self.tiles, shape.tile_bytes), 0xFF, dtype=torch.uint8)
        self.frequency = 1.0 / 10000.0 ** (torch.arange(0, shape.dim, 2).float() / shape.dim)
        part = shape.kv_heads * head
        address = self.memory.data_ptr()
        self.cache = abi.Cache(address, 2 * part, part, head, shape.kind, shape.block, shape.window)
        norm = abi.Norm(shape.norm.data_ptr(), EPS) if shape.norm is not None else abi.Norm()
        self.layer = abi.Layer(query_norm=norm, key_norm=norm, scale=shape.scale, soft_cap=shape.cap)
        if shape.sinks is not None:
            self.layer.sinks = shape.sinks.data_ptr()
        self.model = abi.Model(layers=1, heads=shape.heads, kv_heads=shape.kv_heads, head_dim=shape.dim, ropes=1)
        self.model.frequencies = (ctypes.c_void_p * 1)(self.frequency.data_ptr())

    def store(self, slabs: Sequence[Slab], rows: Tensor) -> Tensor:
        """Writes keys and values of projections [T, width]; returns the queries."""
        batch, rows = Batch(slabs, self.cache), rows.contiguous()
        queries = torch.full((batch.rows, self.shape.heads * self.shape.dim), math.nan)
        self._call("dt_store_kv", batch, rows, queries)
        return queries

    def attend(self, slabs: Sequence[Slab], queries: Tensor, out: Tensor | None = None) -> Tensor:
        out = torch.full_like(queries, math.nan) if out is None else out
        self._call("dt_attend", Batch(slabs, self.cache), queries, out)
        return out

    def step(self, slabs: Sequence[Slab], rows: Tensor) -> Tensor:
        """What a layer does between its projections: [T, width] → [T, heads × dim]."""
        return self.attend(slabs, self.store(slabs, rows))

    def partitions(self, slabs: Sequence[Slab]) -> int:
        """How many partitions of a KV head the tasks of this batch read."""
        read, batch = ctypes.c_int64(), Batch(slabs, self.cache)
        task_count = library().dt_attention_tasks
        task_count.restype = ctypes.c_int64
        task_count(ctypes.byref(self.model), ctypes.byref(batch.struct), 0, ctypes.byref(read))
        return read.value

    def _call(self, name: str, batch: Batch, given: Tensor, out: Tensor) -> None:
        function = getattr(library(), name)
        pointer, stride = ctypes.c_void_p, ctypes.c_int64
        function.restype, function.argtypes = None, (pointer, pointer, pointer, pointer, stride, pointer, stride)
        structs = (ctypes.byref(one) for one in (self.model, self.layer, batch.struct))
        function(*structs, given.data_ptr(), given.stride(0), out.data_ptr(), out.stride(0))


def split(shape: Shape, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Projections [T, width] → queries, keys and values, [T, heads, dim] each."""
    sizes = [count * shape.dim for count in (shape.heads, shape.kv_heads, shape.kv_heads)]
    queries, keys, values = (part.reshape(len(rows), -1, shape.dim) for part in torch.split(rows, sizes, dim=1))
    return queries, keys, values


def turned(paged: Paged, x: Tensor, positions: Tensor) -> Tensor:
    """Norm and rotation of heads [T, heads, dim]."""
    if paged.shape.norm is not None:
        x = rms_norm(x, paged.shape.norm, EPS)
    return apply_rope(x, rope_table(positions, paged.frequency, torch.float32))


def rounded(kind: abi.Kind, x: Tensor) -> Tensor:
    """x [..., dim] as a cache of this kind gives it back."""
    if kind is abi.Kind.Q8:
        scale = x.abs().amax(-1, keepdim=True) / 127
        return (x / scale).round() * scale
    return x.to(PLAIN[kind]).float()


def softmax_attention(paged: Paged, rows: Tensor, start: int) -> Tensor:
    """Attention written out, in float64: projections of a whole sequence [L, width] → rows from `start` on."""
    shape, positions = paged.shape, torch.arange(len(rows))
    queries, keys, values = split(shape, rows)
    queries = turned(paged, queries, positions)[start:].double()
    keys, values = (
        rounded(shape.kind, x).double().repeat_interleave(shape.heads // shape.kv_heads, 1)
        for x in (turned(paged, keys, positions), values)
    )
    scores = torch.einsum("qhd,khd->hqk", queries, keys) * shape.scale
    if shape.cap:
        scores = shape.cap * torch.tanh(scores / shape.cap)
    distance = positions[start:, None] - positions
    unseen = (distance < 0) | (distance >= (shape.window or len(rows)))
    scores = scores.masked_fill(unseen, -math.inf)
    total = scores.logsumexp(-1, keepdim=True)
    if shape.sinks is not None:
        total = torch.logaddexp(total, shape.sinks.double()[:, None, None])
    return torch.einsum("hqk,khd->qhd", (scores - total).exp(), values).flatten(1).float()
