"""Which designs are worth a rehearsal: those whose model fits, and whose devices could do the arithmetic at all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import NamedTuple

from doubletime.hardware.known import machine
from doubletime.hardware.machine import Spec
from doubletime.lab.rehearsal.design import Design, DoesNotFit
from doubletime.lab.rehearsal.kind import Kind
from doubletime.lab.workload.demand import Demand
from doubletime.shapes import ModelShape
from doubletime.shapes.find import find_shape
from doubletime.shapes.operators import Linear, Mixture, layer_operators


class Arm(NamedTuple):
    """All of a design but the number of its replicas. `fewest`: replicas below which the arithmetic cannot be done."""

    design: Design
    price: float  # dollars an hour of one device
    fewest: int

    @property
    def name(self) -> str:
        design = self.design
        parallel = [f"{key} {size}" for key, size in (("tp", design.tp), ("pp", design.pp)) if size > 1]
        return ", ".join([design.hardware, *parallel, design.policy])

    @property
    def engine(self) -> int:
        """Devices of one replica."""
        return self.design.tp * self.design.pp

    def cost(self, replicas: int) -> float:
        """Dollars an hour."""
        return self.price * self.engine * replicas

    def at(self, replicas: int) -> Design:
        return replace(self.design, replicas=replicas)


class Pruned(NamedTuple):
    """A layout that was not rehearsed. `binds`: memory, layout or throughput."""

    name: str
    binds: str
    why: str


class Space(NamedTuple):
    """What is searched: every combination."""

    prices: Mapping[str, float]  # hardware → dollars an hour of one device
    tps: Sequence[int]
    pps: Sequence[int]
    policies: Sequence[str]
    max_devices: int


def arms(space: Space, base: Design, asked: Demand) -> tuple[list[Arm], list[Pruned]]:
    """The arms, the cheapest engine first, and what was left out. Raises ValueError for unknown models and machines."""
    shape = find_shape(base.model)
    kept, pruned = list[Arm](), list[Pruned]()
    for hardware, tp, pp in product(space.prices, space.tps, space.pps):
        design = replace(base, hardware=hardware, tp=tp, pp=pp)
        found = _fewest(design, shape, asked, space.max_devices)
        if isinstance(found, Pruned):
            pruned.append(found)
        else:
            price = space.prices[hardware]
            kept += [Arm(replace(design, policy=policy), price, found) for policy in space.policies]
    return sorted(kept, key=lambda arm: (arm.cost(arm.fewest), arm.name)), pruned


def _fewest(design: Design, shape: ModelShape, asked: Demand, max_devices: int) -> int | Pruned:
    name = f"{design.hardware}, {design.tp * design.pp} device{'s' * (design.tp * design.pp > 1)} an engine"
    name += f" (tp {design.tp}, pp {design.pp})" if design.pp > 1 else ""
    known = machine(design.hardware)
    most = max_devices // (design.tp * design.pp)
    if not most or design.tp > known.spec.node:
        return Pruned(name, "layout", f"needs {design.tp * design.pp} devices, of a node of {known.spec.node}")
    try:
        weights = Kind(design, shape).layout.weights
    except DoesNotFit as error:
        return Pruned(name, "memory", str(error))
    except ValueError as error:
        return Pruned(name, "layout", str(error))
    fewest = throughput_bound(shape, known.spec, weights, design.tp * design.pp, asked)
    if fewest > most:
        return Pruned(name, "throughput", f"even at peak speed it takes {fewest} engines, {most} are allowed")
    return fewest


def throughput_bound(shape: ModelShape, spec: Spec, weights: str, devices: int, asked: Demand) -> int:
    """Engines without which the matrix products alone take longer than the trace, at the peak of the data sheet.

    Two operations a weight and token (Kaplan et al. 2020, "Scaling Laws for Neural Language Models", §2.1, without
    attention), of the tokens that no cache saves. The time counted is the trace's.
    """
    if not asked.span_s:
        return 1
    peak = max(spec.flops.get(weights, 0.0), spec.flops.get(shape.dtype, 0.0), spec.flops["bfloat16"])
    needed = operations_per_token(shape) * asked.sure_tokens / asked.span_s
    return max(1, math.ceil(needed / (peak * devices) - 1e-9))


def operations_per_token(shape: ModelShape) -> float:
    """Of all layers' matrices; of a mixture, the experts that a token visits."""
    total = 0.0
    for layer in range(shape.layers):
        for operator in layer_operators(shape, layer):
            match operator:
                case Linear():
                    total += 2.0 * operator.n * operator.k
                case Mixture():
                    total += 6.0 * operator.hidden * operator.inner * operator.top_k
                case _:
                    pass
    return total
