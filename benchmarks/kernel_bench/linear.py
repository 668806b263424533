"""Linear layers with weights from memory: as many copies of a matrix as no cache holds, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ctypes import byref
from dataclasses import dataclass
from itertools import cycle

import torch

from benchmarks.kernel_bench.ceilings import Ceilings
from benchmarks.kernel_bench.record import Record, record
from benchmarks.kernel_bench.timing import seconds_per_call
from doubletime.kernels.cpu.abi import Kind
from doubletime.kernels.cpu.binding import library
from doubletime.kernels.cpu.pack import Packed, pack
from doubletime.models.quantized import Quantized

SHAPES = ((3072, 1024), (4096, 4096))
ROWS = (1, 4, 8, 16, 64, 512, 2048)
_COLD = 192 << 20  # bytes of weights in all
_DENSE = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Form:
    """How weights are stored; `group` 0: a scale for each row."""

    name: str
    bits: int = 0
    group: int = 32
    mins: bool = False

    def random(self, count: int, columns: int) -> torch.Tensor | Quantized:
        if not self.bits:
            return torch.randn(count, columns).div(columns**0.5).to(_DENSE[self.name])
        group = self.group or columns
        codes = torch.randint(0, 256, (count, columns * self.bits // 8), dtype=torch.uint8)
        scales = torch.rand(count, columns // group) / columns
        return Quantized(self.bits, group, codes, scales, scales * 2 ** (self.bits - 1) if self.mins else None)


FORMS = [Form(name) for name in _DENSE]
FORMS += [Form("int8 g32", 8), Form("int8 g128", 8, 128), Form("int8 channel", 8, 0)]
FORMS += [Form("int4 g32", 4), Form("int4 g32 mins", 4, 32, mins=True), Form("int4 g128", 4, 128)]


def measure(ceilings: Ceilings, budget: float) -> Iterator[Record]:
    """Every form, shape and number of rows, each for about `budget` seconds."""
    for count, columns in SHAPES:
        for form in FORMS:
            packed = _copies(form.random(count, columns))
            for rows in ROWS:
                names = ("linear", form.name, f"M={rows} N={count} K={columns}")
                seconds = seconds_per_call(_product(packed, rows), budget)
                operations = 2.0 * rows * count * columns
                kind = Kind(packed[0].matrix.kind)
                yield record(names, seconds, kind, packed[0].nbytes, operations, ceilings)


def _copies(weight: torch.Tensor | Quantized) -> list[Packed]:
    first = pack(weight)
    return [first] + [pack(weight) for _ in range(_COLD // first.nbytes)]


def _product(packed: list[Packed], rows: int) -> Callable[[], None]:
    form = packed[0].matrix
    x, out = torch.randn(rows, form.k), torch.empty(rows, form.n)
    turns, native = cycle(packed), library()

    def run() -> None:
        matrix = byref(next(turns).matrix)
        native.dt_linear(matrix, x.data_ptr(), form.k, rows, None, out.data_ptr(), form.n, 0, 0)

    return run
