"""Operators of a shape → seconds on a machine: calibrated, and never below what its data sheet allows."""

from __future__ import annotations

from dataclasses import dataclass

from doubletime.hardware.calibration import Calibration
from doubletime.hardware.estimate import Estimate
from doubletime.hardware.machine import ELEMENT_BYTES, AttentionBatch, AttentionShape, ExpertShape, Machine
from doubletime.shapes.operators import Attend, Collective, Elementwise, Linear, Mixture

Dense = Linear | Mixture | Elementwise | Collective
LEAST = 0.95  # of the data sheet's roofline: a measurement below it was helped by a cache that a whole model overflows


@dataclass(frozen=True, slots=True)
class Pricer:
    """`kv`: number format of the cache. `number`: that of the activations, in which attention computes."""

    machine: Machine
    scale: Calibration
    kv: str = "bfloat16"
    number: str = "bfloat16"

    def dense(self, operator: Dense, rows: int) -> Estimate:
        """Any operator whose cost depends on nothing but the rows."""
        match operator:
            case Linear():
                found = self.machine.linear(rows, operator.n, operator.k, operator.weights)
                return self._least(found.times(self.scale.linear), *_linear_work(operator, rows), operator.weights)
            case Mixture():
                found = self.machine.experts(rows * operator.senders, _experts(operator))
                return self._least(found.times(self.scale.experts), *_mixture_work(operator, rows), operator.weights)
            case Elementwise():
                return self.machine.elementwise(operator.size * rows, operator.launches).times(self.scale.elementwise)
            case Collective():
                size = round(operator.size * rows)
                return self.machine.collective(operator.kind, size, operator.ranks).times(self.scale.collective)

    def attend(self, operator: Attend, batch: AttentionBatch) -> Estimate:
        heads, kv_heads, head_dim, window, latent = operator
        shape = AttentionShape(heads, kv_heads, head_dim, window, self.kv, latent)
        found = self.machine.attention(shape, batch).times(self.scale.attention)
        return self._least(found, *_attention_work(shape, batch), self.number)

    def _least(self, found: Estimate, flops: float, size: float, number: str) -> Estimate:
        """Not below the roofline of the data sheet (Williams et al. 2009: the slower of compute and memory)."""
        spec = self.machine.spec
        peak = spec.flops.get(number) or max(spec.flops.values())
        least = LEAST * max(flops / peak, size / spec.bandwidth)
        return found if found.seconds >= least else found._replace(seconds=least)


def _experts(operator: Mixture) -> ExpertShape:
    hidden, inner, experts, total, top_k, weights, _ = operator
    return ExpertShape(hidden, inner, experts, total, top_k, weights)


def _linear_work(operator: Linear, rows: int) -> tuple[float, float]:
    """Floating-point operations, and bytes of weights: activations may stay in a cache, weights of a layer do not."""
    size = operator.n * operator.k
    return 2.0 * rows * size, size * ELEMENT_BYTES[operator.weights]


def _mixture_work(operator: Mixture, rows: int) -> tuple[float, float]:
    """What no router goes below: each row's share of the experts is computed, and one row's experts are read."""
    one = 3.0 * operator.hidden * operator.inner
    visits = rows * operator.senders * operator.top_k * operator.experts / operator.total
    active = min(float(operator.experts), operator.top_k * operator.experts / operator.total)
    return 2.0 * visits * one, active * one * ELEMENT_BYTES[operator.weights]


def _attention_work(shape: AttentionShape, batch: AttentionBatch) -> tuple[float, float]:
    """Products of query and key and of score and value; K and V that are read once."""
    window = shape.window
    decodes = min(batch.context, batch.decodes * window) if window else batch.context
    pairs, tokens = float(decodes), float(decodes)
    for chunk, start in batch.prefills:
        seen = min(start, window) if window else start
        pairs += chunk * seen + (0.0 if window and window < chunk else chunk * chunk / 2)
        tokens += min(start + chunk, window) if window else start + chunk
    width = shape.latent or 2 * shape.kv_heads * shape.head_dim
    flops = 4.0 * shape.heads * (shape.latent or shape.head_dim) * pairs
    if shape.latent and batch.prefills:  # prefill attends to keys and values of each head, not to the latent vector
        flops = 0.0
    return flops, tokens * width * ELEMENT_BYTES[shape.kv]
