"""A machine without measurements: every operator at its data sheet's roofline, with round numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from doubletime.hardware.estimate import Basis, Estimate
from doubletime.hardware.machine import (
    ELEMENT_BYTES,
    GRAPH_SIZES,
    AttentionBatch,
    AttentionShape,
    ExpertShape,
    Overheads,
    Spec,
)

SPEC = Spec(
    name="fake",
    flops={"float32": 50e12, "bfloat16": 100e12, "fp8": 200e12},
    bandwidth=1e12,
    capacity=24_000_000_000,
    units=100,
    link=50e9,
    pcie=25e9,
    network=12e9,
    node=8,
    reserved=500_000_000,
)
OVERHEADS = Overheads(step=100e-6, host=1e-3, sequence=2e-6, layer=10e-6, api=1e-3)
ERROR = 0.1


@dataclass(frozen=True)
class FakeMachine:
    """Counts its calls, so that a test can say what is memoised."""

    spec: Spec = SPEC
    overheads: Overheads = OVERHEADS
    jitter: float = 0.0
    graph_sizes: tuple[int, ...] = GRAPH_SIZES
    calls: list[str] = field(default_factory=list)

    def linear(self, m: int, n: int, k: int, weights: str) -> Estimate:
        size = n * k * ELEMENT_BYTES[weights] + 2 * m * (n + k)
        return self._roofline("linear", 2 * m * n * k, size, weights)

    def attention(self, shape: AttentionShape, batch: AttentionBatch) -> Estimate:
        tokens = batch.context + batch.decodes
        pairs: float = tokens
        for chunk, start in batch.prefills:
            tokens += chunk + start
            pairs += chunk * (start + chunk / 2)
        width = shape.latent or 2 * shape.kv_heads * shape.head_dim
        flops = 4 * shape.heads * (shape.latent or shape.head_dim) * pairs
        return self._roofline("attention", flops, tokens * width * ELEMENT_BYTES[shape.kv], "bfloat16")

    def experts(self, tokens: int, shape: ExpertShape) -> Estimate:
        rows = tokens * shape.top_k * shape.experts / shape.total
        active = shape.experts * (1 - (1 - 1 / shape.total) ** (tokens * shape.top_k))
        weights = 3 * shape.hidden * shape.inner
        return self._roofline(
            "experts", 2 * rows * weights, active * weights * ELEMENT_BYTES[shape.weights], "bfloat16"
        )

    def collective(self, kind: str, size: int, ranks: int) -> Estimate:
        self.calls.append("collective")
        return Estimate(10e-6 + size / self.spec.link, ERROR, Basis.DATASHEET)

    def elementwise(self, size: float, launches: int = 1) -> Estimate:
        self.calls.append("elementwise")
        return Estimate(launches * 2e-6 + size / self.spec.bandwidth, ERROR, Basis.DATASHEET)

    def _roofline(self, name: str, flops: float, size: float, number: str) -> Estimate:
        self.calls.append(name)
        peak = self.spec.flops.get(number, self.spec.flops["bfloat16"])
        return Estimate(max(flops / peak, size / self.spec.bandwidth) + 2e-6, ERROR, Basis.DATASHEET)
