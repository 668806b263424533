"""The cost model that suits a machine: operators of its fits, or what the profile of a CPU measured."""

from __future__ import annotations

from typing import Protocol

from doubletime.core.plan import Plan
from doubletime.core.vocabulary import Nanoseconds
from doubletime.hardware.calibration import NEUTRAL, Calibration
from doubletime.hardware.cpu.machine import CpuMachine
from doubletime.hardware.explain import Anatomy, Share
from doubletime.hardware.layout import Layout
from doubletime.hardware.machine import Machine, Overheads
from doubletime.hardware.step import StepCost
from doubletime.shapes import ModelShape


class PlanCost(Protocol):
    """Durations of plans (see `executors.virtual.Cost`), and what they are made of."""

    overheads: Overheads
    overlap: bool  # the host works while the device does
    by_sums: bool  # decodes cost what `decodes` says, however their lengths differ; else steps cannot be leapt over

    @property
    def stages(self) -> int: ...

    def decodes(self, count: int, context: int) -> Nanoseconds: ...

    def plan(self, plan: Plan) -> Nanoseconds: ...

    def depths(self, plan: Plan) -> tuple[Nanoseconds, ...]: ...

    def explain(self, plan: Plan) -> list[Share]: ...

    def anatomy(self, plan: Plan) -> Anatomy: ...


def plan_cost(
    shape: ModelShape, machine: Machine, layout: Layout, *, overlap: bool, scale: Calibration = NEUTRAL
) -> PlanCost:
    """Raises ValueError where the machine cannot be cut as `layout` says, or was profiled in another number format."""
    if isinstance(machine, CpuMachine):
        machine.check(layout)
        return machine.cost(shape, scale)
    return StepCost(shape, machine, layout, overlap=overlap, graph_sizes=machine.graph_sizes, scale=scale)
