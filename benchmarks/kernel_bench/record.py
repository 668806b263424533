"""One line of the table of kernels."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.kernel_bench.ceilings import Ceilings
from doubletime.kernels.cpu.abi import Kind


@dataclass(frozen=True, slots=True)
class Record:
    """A kernel's time beside the least time that its bytes and its arithmetic take."""

    family: str
    kernel: str
    shape: str
    seconds: float
    nbytes: float  # that come from memory
    operations: float
    ceiling: float  # seconds
    bound: str  # by what: memory or arithmetic

    @property
    def fraction(self) -> float:
        """Of the ceiling."""
        return self.ceiling / self.seconds

    def line(self) -> str:
        rates = f"{self.nbytes / self.seconds / 1e9:7.1f} GB/s {self.operations / self.seconds / 1e9:8.1f} GOP/s"
        return (
            f"{self.family:10} {self.kernel:14} {self.shape:26} {self.seconds * 1e6:10.1f} µs {rates}"
            f" {self.fraction:5.0%} of {self.bound}"
        )


def record(
    names: tuple[str, str, str], seconds: float, kind: Kind, nbytes: float, operations: float, ceilings: Ceilings
) -> Record:
    """`names`: family, kernel, shape. `kind`: whose arithmetic it is."""
    least, bound = ceilings.seconds(kind, nbytes, operations), ceilings.bound(kind, nbytes, operations)
    return Record(*names, seconds, nbytes, operations, least, bound)
