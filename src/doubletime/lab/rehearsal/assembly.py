"""From a design to the parts of a rehearsal: shape, machine, cost, limits, replicas."""

from __future__ import annotations

from typing import Any

from doubletime.cluster.replica import Owner, Replica, Watcher
from doubletime.core.vocabulary import SECOND, Limits, Nanoseconds
from doubletime.executors.virtual import Cost, Jitter, Scaled
from doubletime.hardware.calibration import NEUTRAL, read_calibration
from doubletime.hardware.known import machine
from doubletime.hardware.layout import Layout
from doubletime.hardware.memory import limits_for
from doubletime.hardware.step import StepCost
from doubletime.lab.rehearsal.design import Design
from doubletime.policies import load
from doubletime.shapes import ModelShape
from doubletime.shapes.find import find_shape

PLAIN_KV = ("float32", "bfloat16", "float16")


class Assembly:
    """Everything that the replicas of a design share. Raises DoesNotFit, ValueError or OSError, with what to change."""

    def __init__(self, design: Design, *, seed: int = 0, slower: float = 1.0, leaps: bool = True) -> None:
        if design.replicas < 1:
            raise ValueError(f"there must be at least 1 replica, not {design.replicas}")
        self.design = design
        self.shape = find_shape(design.model)
        self.machine = machine(design.hardware)
        self.layout = layout_of(design, self.shape)
        self.limits = self._limits()
        self.predicted = StepCost(
            self.shape,
            self.machine,
            self.layout,
            overlap=design.in_flight > 1 or design.pp > 1,
            graph_sizes=self.machine.graph_sizes,
            scale=read_calibration(design.calibration) if design.calibration else NEUTRAL,
        )
        self._cost: Cost = self.predicted if slower == 1.0 else Scaled(self.predicted, slower)
        self._seed = seed
        self._leaps = leaps

    @property
    def api(self) -> Nanoseconds:
        """What a request spends outside the engine before its first token."""
        return round(self.predicted.overheads.api * SECOND)

    @property
    def serial(self) -> bool:
        """A stage of a pipeline needs the token of the last one: a sequence is in one step at a time."""
        return self.design.pp > 1

    @property
    def config(self) -> dict[str, Any]:
        """What was resolved."""
        limits = self.limits
        return self.design.to_json() | {
            "dtype": self.layout.weights,
            "kv_dtype": self.layout.kv,
            "kv_blocks": list(limits.blocks),
            "block_tokens": [group.block_tokens for group in limits.groups],
            "max_model_len": limits.max_length,
            "jitter": self.jitter,
        }

    @property
    def jitter(self) -> float:
        """How much step times scatter, and so how wrong a predictor is that has learnt them perfectly."""
        return self.machine.jitter if self.design.jitter is None else self.design.jitter

    def replica(self, index: int, owner: Owner, watcher: Watcher) -> Replica:
        """One more engine, with policies of its own."""
        return Replica(
            index,
            self.limits,
            load(self.design.policy),
            self._cost,
            owner,
            watcher,
            in_flight=max(self.design.in_flight, self.design.pp),
            jitter=Jitter(self.jitter, self._seed + index),
            leaps=self._leaps,
        )

    def _limits(self) -> Limits:
        design = self.design
        return limits_for(
            self.shape,
            self.machine,
            self.layout,
            max_seats=min(design.max_seats, design.max_rows),
            max_rows=design.max_rows,
            max_model_len=design.max_model_len,
            block_tokens=design.block_tokens,
            kv_memory=design.kv_memory,
            memory_share=design.memory_share,
        )


def layout_of(design: Design, shape: ModelShape) -> Layout:
    """Number formats as published where the design names none; the cache in 16 bit at least."""
    weights = design.dtype or shape.weights or shape.dtype
    activations = shape.dtype if weights not in PLAIN_KV else weights
    kv = design.kv_dtype or activations
    return Layout(design.tp, design.pp, design.ep, weights, kv, activations)
