"""Slabs → a flat batch: positions of its rows, and per KV group the slots they write and read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from doubletime.core.vocabulary import Slab
from doubletime.executors.block_tables import BlockTable
from doubletime.kernels.layout import DecodeRows, Layout, PrefillRows

QUERY_ROWS = 512  # a longer prefill attends in parts of this many rows, which bounds its mask
SMALLEST_BUCKET = 6  # decodes with up to 2 ** 6 tokens to attend to are padded to each other


@dataclass(frozen=True, slots=True)
class Target:
    """Where a batch will run."""

    dtype: torch.dtype
    device: torch.device


def positions_of(slabs: Sequence[Slab]) -> Tensor:
    """The position of each row in its sequence, [T] int64: slab after slab."""
    counts = torch.tensor([slab.tokens for slab in slabs])
    starts = torch.tensor([slab.start for slab in slabs])
    firsts = counts.cumsum(0) - counts
    return torch.arange(int(counts.sum())) + (starts - firsts).repeat_interleave(counts)


def layout_of(slabs: Sequence[Slab], positions: Tensor, table: BlockTable, padding_slot: int, target: Target) -> Layout:
    """One KV group's layout of the batch. Raises LookupError where a row has no block to write to."""
    rows = table.rows([slab.seq for slab in slabs])
    counts = torch.tensor([slab.tokens for slab in slabs])
    write = table.slots(rows.repeat_interleave(counts), positions)
    if int(write.min()) < 0:
        bad = int(write.argmin())
        raise LookupError(f"row {bad} (position {int(positions[bad])}) has no KV block to write to")
    layouts = _Layouts(table, rows, padding_slot, target)
    first = 0
    for index, slab in enumerate(slabs):
        layouts.add(index, slab, first)
        first += slab.tokens
    return Layout(write.to(target.device), layouts.decodes(), tuple(layouts.prefills))


class _Layouts:
    """Collects the slabs of one group: single tokens into buckets of like length, longer slabs in parts."""

    def __init__(self, table: BlockTable, rows: Tensor, padding_slot: int, target: Target) -> None:
        self.table = table
        self.rows = rows  # of the table, by slab
        self.window = table.group.window
        self.padding_slot = padding_slot
        self.target = target
        self.prefills: list[PrefillRows] = []
        self.buckets: dict[int, list[tuple[int, int, int]]] = {}  # (row of the batch, index of the slab, end)

    def add(self, index: int, slab: Slab, first: int) -> None:
        """Slab number `index`, whose rows begin at `first`."""
        if slab.tokens == 1:
            reach = min(slab.end, self.window) if self.window else slab.end
            bucket = max(SMALLEST_BUCKET, (reach - 1).bit_length())
            self.buckets.setdefault(bucket, []).append((first, index, slab.end))
            return
        for start in range(slab.start, slab.end, QUERY_ROWS):
            end = min(start + QUERY_ROWS, slab.end)
            self.prefills.append(self._prefill(start, end, first + start - slab.start, self.rows[index]))

    def decodes(self) -> tuple[DecodeRows, ...]:
        return tuple(self._decode(members) for _, members in sorted(self.buckets.items()))

    def _decode(self, members: list[tuple[int, int, int]]) -> DecodeRows:
        """Aligned on the right: the last column is each row's own token."""
        batch_rows, slabs, ends = (torch.tensor(column) for column in zip(*members, strict=True))
        reach = ends.clamp(max=self.window) if self.window else ends
        length = int(reach.max())
        back = torch.arange(length - 1, -1, -1)
        padding = back >= reach[:, None]
        positions = (ends[:, None] - 1 - back).clamp_(min=0)
        slots = self.table.slots(self.rows[slabs][:, None], positions).masked_fill_(padding, self.padding_slot)
        device = self.target.device
        mask = padding.to(device) if bool(padding.any()) else None
        return DecodeRows(batch_rows.to(device), slots.to(device), mask)

    def _prefill(self, start: int, end: int, first: int, row: Tensor) -> PrefillRows:
        """The tokens at positions [start, end), rows `first` … of the batch."""
        low = max(0, start + 1 - self.window) if self.window else 0
        keys = torch.arange(low, end)
        slots = self.table.slots(row, keys).to(self.target.device)
        plain = low == start == 0 and (not self.window or end <= self.window)
        mask = None if plain else self._mask(torch.arange(start, end)[:, None], keys)
        return PrefillRows(first, first + end - start, slots, mask)

    def _mask(self, queries: Tensor, keys: Tensor) -> Tensor:
        hidden = keys > queries
        if self.window:
            hidden |= keys <= queries - self.window
        device = self.target.device
        return torch.zeros(hidden.shape, dtype=self.target.dtype, device=device).masked_fill_(
            hidden.to(device), float("-inf")
        )
