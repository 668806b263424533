"""Slabs as the struct that the native kernels read."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from ctypes import c_int64, c_void_p

from torch import Tensor

from doubletime.core.vocabulary import KVGroup, Slab
from doubletime.executors.block_tables import BlockTable
from doubletime.executors.kv_cache import KVCache
from doubletime.kernels.cpu import abi
from doubletime.models.native import KV_KINDS, NativeModel


class NativeBatch:
    """One batch after the other, in one struct; what it points to lives here."""

    def __init__(self, model: NativeModel, cache: KVCache, tables: tuple[BlockTable, ...]) -> None:
        bad = [group.block_tokens for group in cache.groups if group.block_tokens % abi.TILE]
        if bad:
            raise ValueError(f"KV blocks of {bad[0]} tokens: native kernels take multiples of {abi.TILE}")
        self._tables = tables
        self._caches = (abi.Cache * len(tables))(
            *(_cache(model, tensor, group) for tensor, group in zip(cache.tensors, cache.groups, strict=True))
        )
        count = len(tables)
        self._addresses, self._widths, self._rows = ((kind * count)() for kind in (c_void_p, c_int64, c_void_p))
        self._batch = abi.Batch(
            groups=count, tables=self._addresses, table_width=self._widths, table_rows=self._rows, caches=self._caches
        )
        self._columns: list[array[int]] = []

    def of(self, slabs: Sequence[Slab]) -> abi.Batch:
        """The batch of these slabs. Raises LookupError for a sequence without a block list."""
        seqs = [slab.seq for slab in slabs]
        start = array("i", [slab.start for slab in slabs])
        tokens = array("i", [slab.tokens for slab in slabs])
        rows = [array("q", table.row_numbers(seqs)) for table in self._tables]
        for group, (table, own) in enumerate(zip(self._tables, rows, strict=True)):
            self._addresses[group], self._widths[group] = table.address, table.width
            self._rows[group] = own.buffer_info()[0]
        self._columns = [start, tokens, *rows]
        batch = self._batch
        batch.rows, batch.seqs = sum(tokens), len(slabs)
        batch.start, batch.tokens = start.buffer_info()[0], tokens.buffer_info()[0]
        return batch


def _cache(model: NativeModel, tensor: Tensor, group: KVGroup) -> abi.Cache:
    layer, part, head = tensor.stride()[:3]
    return abi.Cache(
        data=tensor.data_ptr(),
        layer_bytes=layer,
        part_bytes=part,
        head_bytes=head,
        kind=KV_KINDS[model.kv_dtype],
        block_tokens=group.block_tokens,
        window=group.window,
    )
