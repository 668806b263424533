"""Block lists of sequences as one integer tensor a KV group, so that a batch's slots are one indexed read."""

from __future__ import annotations

import torch
from torch import Tensor

from doubletime.core.vocabulary import KVGroup

_ABSENT = -1


class BlockTable:
    """The block lists of one group: a row per sequence, grown by doubling, on the CPU."""

    def __init__(self, group: KVGroup) -> None:
        self.group = group
        self._rows: dict[int, int] = {}
        self._free: list[int] = []
        self._lengths: list[int] = []
        self._table = torch.full((8, 8), _ABSENT, dtype=torch.int64)

    def change(self, seq: int, at: int, blocks: tuple[int, ...]) -> None:
        """From index `at` on, the list of `seq` is `blocks`."""
        row, end = self._row(seq), at + len(blocks)
        self._fit(row + 1, end)
        self._table[row, at:end] = torch.tensor(blocks, dtype=torch.int64)
        self._table[row, end : self._lengths[row]] = _ABSENT
        self._lengths[row] = end

    def forget(self, seq: int) -> None:
        row = self._rows.pop(seq, None)
        if row is not None:
            self._table[row, : self._lengths[row]] = _ABSENT
            self._lengths[row] = 0
            self._free.append(row)

    @property
    def address(self) -> int:
        """Where the table lies in memory, int64 [rows, width], until the next change."""
        return self._table.data_ptr()

    @property
    def width(self) -> int:
        """Blocks that a row of the table has room for."""
        return self._table.shape[1]

    def row_numbers(self, seqs: list[int]) -> list[int]:
        """The row of each sequence. Raises LookupError for one without a block list."""
        unknown = [seq for seq in seqs if seq not in self._rows]
        if unknown:
            raise LookupError(f"sequence {unknown[0]} has no KV blocks")
        return [self._rows[seq] for seq in seqs]

    def rows(self, seqs: list[int]) -> Tensor:
        """The row of each sequence, int64. Raises LookupError for one without a block list."""
        return torch.tensor(self.row_numbers(seqs), dtype=torch.int64)

    def slots(self, rows: Tensor, positions: Tensor) -> Tensor:
        """The slot of each position (≥ 0) of the sequence in each row; negative where it has no block."""
        size = self.group.block_tokens
        blocks = self._table[rows, torch.div(positions, size, rounding_mode="floor")]
        return torch.where(blocks < 0, blocks, blocks * size + positions % size)

    def _row(self, seq: int) -> int:
        row = self._rows.get(seq)
        if row is None:
            row = self._rows[seq] = self._free.pop() if self._free else len(self._lengths)
            if row == len(self._lengths):
                self._lengths.append(0)
        return row

    def _fit(self, rows: int, columns: int) -> None:
        have_rows, have_columns = self._table.shape
        if rows <= have_rows and columns <= have_columns:
            return
        size = (max(have_rows, _power(rows)), max(have_columns, _power(columns)))
        table = torch.full(size, _ABSENT, dtype=torch.int64)
        table[:have_rows, :have_columns] = self._table
        self._table = table


def _power(count: int) -> int:
    return 1 << max(0, count - 1).bit_length()
