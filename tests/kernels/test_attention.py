"""Paged attention against attention written out, over random batches, blocks, windows and head counts."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from doubletime.core.vocabulary import GroupKind, KVGroup, Slab
from doubletime.executors.batch import Target, layout_of, positions_of
from doubletime.executors.block_tables import BlockTable
from doubletime.kernels.layout import Layout
from doubletime.kernels.reference import attend, write_kv

torch.set_num_threads(1)
DIM, SCALE = 8, 0.3


class World:
    """Sequences with random keys and values, in blocks handed out at random; all else in the cache is NaN."""

    def __init__(self, slabs: list[tuple[int, int]], kv_heads: int, window: int, size: int, seed: int) -> None:
        torch.manual_seed(seed)
        kind = GroupKind.WINDOW if window else GroupKind.FULL
        self.table = BlockTable(KVGroup((0,), kind, size, 1, window))
        self.slabs = [Slab(seq, start, tokens, 0, 1) for seq, (start, tokens) in enumerate(slabs)]
        counts = [-(-slab.end // size) for slab in self.slabs]
        blocks = torch.randperm(sum(counts) + 3).tolist()
        self.padding = (sum(counts) + 3) * size
        self.cache = torch.full((2, kv_heads, self.padding + size, DIM), float("nan"))
        self.cache[:, :, self.padding :] = 0
        self.window = window
        self.history = [torch.randn(2, slab.end, kv_heads, DIM) for slab in self.slabs]
        for slab, count in zip(self.slabs, counts, strict=True):
            first = self._first(slab.start) // size
            self.table.change(slab.seq, 0, (-1,) * first + tuple(blocks.pop() for _ in range(count - first)))
            self._fill(slab)

    def _first(self, position: int) -> int:
        return max(0, position - self.window + 1) if self.window else 0

    def _fill(self, slab: Slab) -> None:
        """What earlier steps have written, as far back as a row of this slab looks."""
        earlier = torch.arange(self._first(slab.start), slab.start)
        slots = self.table.slots(self.table.rows([slab.seq]), earlier)
        write_kv(self.cache, *self.history[slab.seq][:, earlier], slots)

    def layout(self) -> Layout:
        target = Target(torch.float32, torch.device("cpu"))
        return layout_of(self.slabs, positions_of(self.slabs), self.table, self.padding, target)

    def own(self, which: int) -> Tensor:
        """Keys (0) or values (1) of the batch's rows."""
        return torch.cat([self.history[slab.seq][which, slab.start :] for slab in self.slabs])

    def expected(self, queries: Tensor) -> Tensor:
        rows, at = [], 0
        for slab in self.slabs:
            for position in range(slab.start, slab.end):
                keys, values = self.history[slab.seq][:, self._first(position) : position + 1]
                rows.append(_one(queries[at], keys, values))
                at += 1
        return torch.stack(rows)


def _one(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """One row, head by head: query [heads, DIM], keys and values [L, kv heads, DIM]."""
    heads, kv_heads = query.shape[0], keys.shape[1]
    outs = []
    for head in range(heads):
        own = head * kv_heads // heads
        weights = (SCALE * keys[:, own] @ query[head]).softmax(0)
        outs.append(weights @ values[:, own])
    return torch.cat(outs)


@settings(max_examples=60, deadline=None)
@given(
    slabs=st.lists(st.tuples(st.integers(0, 90), st.sampled_from([1, 1, 1, 2, 5, 30])), min_size=1, max_size=6),
    kv_heads=st.sampled_from([1, 2, 4]),
    window=st.sampled_from([0, 0, 1, 7, 40]),
    size=st.sampled_from([1, 4, 16]),
    seed=st.integers(0, 99),
)
def test_mixed_batches(slabs: list[tuple[int, int]], kv_heads: int, window: int, size: int, seed: int) -> None:
    world = World(slabs, kv_heads, window, size, seed)
    layout = world.layout()
    write_kv(world.cache, world.own(0), world.own(1), layout.write)
    queries = torch.randn(layout.write.shape[0], 4, DIM)
    got = attend(queries, world.cache, layout, SCALE)
    assert got.shape == (queries.shape[0], 4 * DIM)
    torch.testing.assert_close(got, world.expected(queries), atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dtype: torch.dtype) -> None:
    world = World([(20, 1), (3, 1), (0, 9), (5, 4)], 2, 0, 4, 1)
    target = Target(dtype, torch.device("cpu"))
    layout = layout_of(world.slabs, positions_of(world.slabs), world.table, world.padding, target)
    write_kv(world.cache, world.own(0), world.own(1), layout.write)
    queries = torch.randn(15, 4, DIM)
    got = attend(queries.to(dtype), world.cache.to(dtype), layout, SCALE)
    assert got.dtype == dtype
    torch.testing.assert_close(got.float(), world.expected(queries), atol=0.03, rtol=0.03)
