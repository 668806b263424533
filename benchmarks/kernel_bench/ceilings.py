"""What this machine does at most: bytes and operations a second, through the same threads as the kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import torch

from doubletime.kernels.cpu.abi import Kind
from doubletime.kernels.cpu.binding import library

_BYTES = 256 << 20  # read at a time: far more than any cache holds
_ROUNDS = 200  # pieces of about 3 µs


@dataclass(frozen=True, slots=True)
class Ceilings:
    """Medians. `operations` by kind: a multiplication with its addition counts as two."""

    bandwidth: float  # bytes/s
    operations: dict[Kind, float]

    def seconds(self, kind: Kind, nbytes: float, operations: float) -> float:
        """The least time for reading so many bytes and doing so much arithmetic."""
        return max(nbytes / self.bandwidth, operations / self.operations[kind])

    def bound(self, kind: Kind, nbytes: float, operations: float) -> str:
        """Which of the two takes longer."""
        return "memory" if nbytes / self.bandwidth > operations / self.operations[kind] else "arithmetic"


def measure_ceilings(repeats: int = 5) -> Ceilings:
    memory = torch.ones(_BYTES // 4)
    bandwidth = _rate(lambda: library().dt_read(memory.data_ptr(), _BYTES) and _BYTES, repeats)
    return Ceilings(bandwidth, {kind: _peak(kind, repeats) for kind in Kind})


def _peak(kind: Kind, repeats: int) -> float:
    return _rate(lambda: library().dt_peak(kind, _ROUNDS), 4 * repeats)


def _rate(work: Callable[[], float], repeats: int) -> float:
    """Of what `work` says that it did, a second."""
    work()
    rates = []
    for _ in range(repeats):
        began = perf_counter()
        done = work()
        rates.append(done / (perf_counter() - began))
    return median(rates)
