"""The machine of a profile: what `hardware.known.machine` gives for the path of a file."""

from __future__ import annotations

from pathlib import Path

from doubletime.hardware.calibration import NEUTRAL, Calibration
from doubletime.hardware.cpu.cost import CpuCost
from doubletime.hardware.cpu.kernels import CALL, Kernels
from doubletime.hardware.cpu.profile import Profile, read
from doubletime.hardware.cpu.work import QUERY_ROWS, Part
from doubletime.hardware.estimate import Basis, Estimate
from doubletime.hardware.layout import Layout
from doubletime.hardware.machine import AttentionBatch, AttentionShape, ExpertShape, Overheads, Spec
from doubletime.shapes import ModelShape

_COLD = 1e12  # bytes of a model that no cache holds


class CpuMachine:
    """Implements `hardware.machine.Machine`; `cost` prices whole steps, as the torch executor carries them out."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.kernels = Kernels(profile)
        machine = profile.machine
        self.spec = Spec(
            name=profile.name,
            flops={profile.dtype: profile.peak},
            bandwidth=profile.bandwidth,
            capacity=int(machine["memory"]),
            units=int(machine["threads"]),
            link=profile.bandwidth,  # everything is in this machine's memory
            pcie=profile.bandwidth,
            network=profile.bandwidth,
            node=1,
            reserved=0,
        )
        self.overheads = Overheads(**profile.engine)
        self.jitter = profile.jitter
        self.graph_sizes: tuple[int, ...] = ()

    def cost(self, shape: ModelShape, scale: Calibration = NEUTRAL) -> CpuCost:
        """Durations of plans for `shape`."""
        return CpuCost(shape, self.profile, self.kernels, scale)

    def check(self, layout: Layout) -> None:
        """Raises ValueError for what the CPU executor does not do, or was not profiled in."""
        if layout.devices > 1 or layout.ep > 1:
            raise ValueError(f"{self.spec.name}: the CPU executor runs on one device; leave out tp, pp and ep")
        for number in (layout.weights, layout.kv, layout.activations):
            self._check(number)

    def linear(self, m: int, n: int, k: int, weights: str) -> Estimate:
        """Weights come from memory, as in a model that no cache holds."""
        self._check(weights)
        return self.kernels.linear(m, n, k, _COLD)

    def attention(self, shape: AttentionShape, batch: AttentionBatch) -> Estimate:
        """Prefills one after another, in parts; decodes in one bucket."""
        self._check(shape.kv)
        seconds, error, basis = 0.0, 0.0, Basis.TABLE
        for found in self._attention(shape, batch):
            seconds, error, basis = seconds + found.seconds, max(error, found.error), max(basis, found.basis)
        return Estimate(seconds, error, basis)

    def _attention(self, shape: AttentionShape, batch: AttentionBatch) -> list[Estimate]:
        heads, kv_heads, dim, window = shape.heads, shape.kv_heads, shape.head_dim, shape.window
        found = []
        for tokens, start in batch.prefills:
            for first in range(start, start + tokens, QUERY_ROWS):
                end = min(first + QUERY_ROWS, start + tokens)
                keys = end - (max(0, first + 1 - window) if window else 0)
                found.append(self.kernels.prefill(Part(end - first, keys, first == 0), heads, dim))
        if batch.decodes:
            longest = batch.longest or -(-batch.context // batch.decodes)
            length = min(longest, window) if window else longest
            found.append(self.kernels.decode(batch.decodes, max(1, length), heads, kv_heads, dim))
        return found

    def experts(self, tokens: int, shape: ExpertShape) -> Estimate:
        """Visited experts one after another."""
        visited = shape.experts * (1 - (1 - shape.top_k / shape.total) ** tokens)
        each = max(1, round(tokens * shape.top_k * shape.experts / shape.total / visited))
        up = self.linear(each, shape.inner, shape.hidden, shape.weights)
        down = self.linear(each, shape.hidden, shape.inner, shape.weights)
        return up._replace(seconds=visited * (2 * up.seconds + down.seconds))

    def collective(self, kind: str, size: int, ranks: int) -> Estimate:
        """Raises ValueError where there is more than one rank: the CPU executor runs on one."""
        if ranks > 1:
            raise ValueError(f"{self.spec.name} is a CPU profile: its executor spans one device, not {ranks}")
        return Estimate(0.0, 0.0, Basis.TABLE)

    def elementwise(self, size: float, launches: int = 1) -> Estimate:
        seconds = launches * CALL + size / self.spec.bandwidth
        return Estimate(seconds, self.profile.errors["whole"][1], Basis.EXTRAPOLATED)

    def _check(self, number: str) -> None:
        if number != self.profile.dtype:
            raise ValueError(
                f"{self.spec.name} was profiled in {self.profile.dtype}, not {number}: "
                f"use --dtype {self.profile.dtype}, or `doubletime profile --dtype {number}`"
            )


def load(path: Path | str) -> CpuMachine:
    """The machine that a profile describes. Raises OSError or ValueError that names the file and what to do."""
    return CpuMachine(read(Path(path)))
