"""A matrix whose numbers are small integers, scaled group by group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from doubletime.models.rounding import round_asymmetric4, round_symmetric4, round_symmetric8

CENTRE = {8: 128, 4: 8}  # the code of zero in a symmetric matrix
CHUNK = 1 << 18  # numbers that are worked on at a time: they stay in the cache


@dataclass(frozen=True, slots=True)
class Quantized:
    """A matrix [N, K] in groups of `group` neighbours along K: value = scale × code − min (GGUF's way of saying it).

    Scales and mins that fit float16 exactly (those of `quantize` nearly always do) may be packed as such without loss.
    """

    bits: int  # 8 or 4
    group: int  # divides K
    codes: Tensor  # uint8 [N, K] (8 bit), or [N, K / 2] (4 bit: two a byte, the even k in the low nibble)
    scales: Tensor  # float32 [N, K / group]
    mins: Tensor | None = None  # float32 [N, K / group]; None: symmetric, min = scale × 128 or scale × 8

    def __post_init__(self) -> None:
        if self.bits not in CENTRE:
            raise ValueError(f"{self.bits} bits: supported are 8 and 4")
        rows, columns = self.shape
        if self.codes.dtype != torch.uint8 or columns % self.group:
            raise ValueError(f"codes {self.codes.dtype} of {columns} columns are no uint8 in groups of {self.group}")
        for each in (self.scales, self.mins):
            if each is not None and (each.dtype != torch.float32 or each.shape != (rows, columns // self.group)):
                raise ValueError(f"scales {each.dtype} {list(each.shape)}: not float32 {[rows, columns // self.group]}")

    @property
    def shape(self) -> tuple[int, int]:
        """[N, K]."""
        return self.codes.shape[0], self.codes.shape[1] * (8 // self.bits)

    @property
    def nbytes(self) -> int:
        return sum(each.nbytes for each in (self.codes, self.scales, self.mins) if each is not None)

    def rows(self, index: slice | Tensor) -> Quantized:
        """Some rows, in the order of `index`: views for a slice, copies for a tensor of row numbers."""
        mins = None if self.mins is None else self.mins[index]
        return Quantized(self.bits, self.group, self.codes[index], self.scales[index], mins)

    def chunks(self) -> Iterator[slice]:
        """All rows, a cacheful at a time."""
        return row_chunks(*self.shape)

    def dequantize(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The values [N, K], computed in float32."""
        out = torch.empty(self.shape, dtype=dtype, device=self.codes.device)
        for rows in self.chunks():
            out[rows] = self._values(rows)
        return out

    def _values(self, rows: slice) -> Tensor:
        codes = self.codes[rows] if self.bits == 8 else unpack(self.codes[rows])
        grouped = codes.view(codes.shape[0], -1, self.group).float()
        scales = self.scales[rows, :, None]
        if self.mins is None:
            values = grouped.sub_(CENTRE[self.bits]).mul_(scales)
        else:
            values = grouped.mul_(scales).sub_(self.mins[rows, :, None])
        return values.view(codes.shape)


def quantize(weight: Tensor, bits: int, group: int, symmetric: bool = True) -> Quantized:
    """A dense matrix [N, K], rounded in groups of `group`, with scales that keep each group's squared error small.

    Raises ValueError for what `Quantized` cannot hold, and for numbers that are not finite.
    """
    if bits == 8 and not symmetric:
        raise ValueError("8 bit matrices are symmetric")
    if bits not in CENTRE:
        raise ValueError(f"{bits} bits: supported are 8 and 4")
    count, columns = weight.shape
    if columns % group:
        raise ValueError(f"groups of {group} do not divide {columns} columns")
    codes = torch.empty((count, columns * bits // 8), dtype=torch.uint8)
    scales = torch.empty((count, columns // group))
    mins = None if symmetric else torch.empty_like(scales)

    def work(rows: slice) -> None:
        groups = weight[rows].float().view(-1, columns // group, group)
        if not bool(groups.isfinite().all()):
            raise ValueError("a weight is not finite: its matrix cannot be quantized")
        if mins is not None:
            found, scales[rows], mins[rows] = round_asymmetric4(groups)
        else:
            found, scales[rows] = round_symmetric4(groups) if bits == 4 else round_symmetric8(groups)
        flat = found.to(torch.uint8).view(-1, columns)
        codes[rows] = flat if bits == 8 else pack(flat)

    for_each(work, row_chunks(count, columns))
    return Quantized(bits, group, codes, scales, mins)


def row_chunks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of rows that hold about CHUNK numbers each."""
    step = max(1, CHUNK // max(1, columns))
    return (slice(first, min(first + step, rows)) for first in range(0, rows, step))


def for_each(work: Callable[[slice], None], chunks: Iterable[slice]) -> None:
    """Works on the chunks on threads of their own, each of which runs torch's operators alone.

    Small operators that are split over torch's threads wait for each other after each: on a busy machine, most of the
    time.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(work, chunks):
                pass
    finally:
        torch.set_num_threads(threads)


def pack(codes: Tensor) -> Tensor:
    """Codes 0…15, uint8 [N, K] → two a byte [N, K / 2], the even k in the low nibble."""
    return codes[:, 0::2] | (codes[:, 1::2] << 4)


def unpack(packed: Tensor) -> Tensor:
    """The inverse of `pack`."""
    return torch.stack((packed & 15, packed >> 4), dim=-1).view(packed.shape[0], -1)
