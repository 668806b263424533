"""A cache in memory and the structs of one attention layer, for benchmarks."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import torch
from torch import Tensor

from doubletime.kernels.cpu import abi
from doubletime.kernels.cpu.binding import library

BLOCK = 16
_ITEM = {abi.Kind.F32: 4, abi.Kind.F16: 2, abi.Kind.BF16: 2, abi.Kind.Q8: 1}


@dataclass(frozen=True, slots=True)
class Heads:
    """Of queries, of keys and values, and how wide they are."""

    queries: int
    keys: int
    dim: int

    def nbytes(self, kind: abi.Kind, tokens: int) -> int:
        """Of keys and values of so many tokens."""
        return 2 * self.keys * tokens * (self.dim * _ITEM[kind] + (4 if kind is abi.Kind.Q8 else 0))


class Layers:
    """`copies` layers of attention over a cache each, of zeros; sequences read the blocks of `table`."""

    def __init__(
        self, heads: Heads, kind: abi.Kind, copies: int, table: Tensor, starts: list[int], tokens: int
    ) -> None:
        blocks = int(table.max()) + 1
        per_layer = heads.nbytes(kind, blocks * BLOCK)
        self._memory = torch.empty(copies * per_layer, dtype=torch.uint8).fill_(0)  # written: not one page of zeros
        part, head = per_layer // 2, per_layer // 2 // heads.keys
        cache = abi.Cache(self._memory.data_ptr(), per_layer, part, head, kind, BLOCK)
        self._frequency = torch.ones(heads.dim // 2)
        self.model = abi.Model(heads=heads.queries, kv_heads=heads.keys, head_dim=heads.dim, ropes=1)
        self.model.frequencies = (ctypes.c_void_p * 1)(self._frequency.data_ptr())
        self._layers = [abi.Layer(index=index, scale=heads.dim**-0.5) for index in range(copies)]
        self._table, self._rows = table, torch.arange(len(starts))
        self._start = torch.tensor(starts, dtype=torch.int32)
        self._tokens = torch.full_like(self._start, tokens)
        self.batch = abi.Batch(rows=len(starts) * tokens, seqs=len(starts), groups=1)
        self.batch.start, self.batch.tokens = self._start.data_ptr(), self._tokens.data_ptr()
        self.batch.tables = (ctypes.c_void_p * 1)(table.data_ptr())
        self.batch.table_width = (ctypes.c_int64 * 1)(table.shape[1])
        self.batch.table_rows = (ctypes.c_void_p * 1)(self._rows.data_ptr())
        self.batch.caches = ctypes.pointer(cache)
        self._queries = torch.randn(self.batch.rows, heads.queries * heads.dim)
        self._projected = torch.randn(self.batch.rows, (heads.queries + 2 * heads.keys) * heads.dim)
        self._turn = 0

    def attend(self) -> None:
        """One layer, the next at every call."""
        self._call("dt_attend", self._queries, self._queries)

    def store(self) -> None:
        """Queries, keys and values of one layer."""
        self._call("dt_store_kv", self._projected, self._queries)

    def _call(self, name: str, given: Tensor, out: Tensor) -> None:
        function = getattr(library(), name)
        pointer, stride = ctypes.c_void_p, ctypes.c_int64
        function.restype, function.argtypes = None, (pointer, pointer, pointer, pointer, stride, pointer, stride)
        layer = self._layers[self._turn]
        self._turn = (self._turn + 1) % len(self._layers)
        structs = (ctypes.byref(one) for one in (self.model, layer, self.batch))
        function(*structs, given.data_ptr(), given.stride(0), out.data_ptr(), out.stride(0))
