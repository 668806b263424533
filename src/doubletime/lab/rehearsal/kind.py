"""Engines of one kind: a model on one sort of hardware, cut one way."""

from __future__ import annotations

from dataclasses import replace

from doubletime.core.memory import live_blocks
from doubletime.core.vocabulary import Limits
from doubletime.executors.virtual import Cost, Scaled
from doubletime.hardware.calibration import NEUTRAL, read_calibration
from doubletime.hardware.cost import plan_cost
from doubletime.hardware.known import machine
from doubletime.hardware.layout import Layout
from doubletime.hardware.memory import limits_for
from doubletime.lab.rehearsal.design import Design
from doubletime.shapes import ModelShape, bytes_of_rank

PLAIN_KV = ("float32", "bfloat16", "float16")


class Kind:
    """What equal engines share. Raises DoesNotFit, ValueError or OSError, with what to change."""

    def __init__(self, design: Design, shape: ModelShape, *, slower: float = 1.0) -> None:
        self.shape = shape
        self.machine = machine(design.hardware)
        self.layout = layout_of(design, shape)
        self.limits = self._limits(design)
        self.predicted = plan_cost(
            shape,
            self.machine,
            self.layout,
            overlap=design.in_flight > 1 or design.pp > 1,
            scale=read_calibration(design.calibration) if design.calibration else NEUTRAL,
        )
        self.cost: Cost = self.predicted if slower == 1.0 else Scaled(self.predicted, slower)

    @property
    def devices(self) -> int:
        """Of one engine."""
        return self.layout.devices

    @property
    def kv_bytes(self) -> int:
        """KV memory of one device."""
        groups, blocks = self.limits.groups, self.limits.blocks
        return sum(group.block_bytes * count for group, count in zip(groups, blocks, strict=True)) // self.layout.pp

    @property
    def weight_bytes(self) -> int:
        """Of the fullest device."""
        shape, size = self.layout.apply(self.shape), self.shape.layers // self.layout.pp
        stages = (range(first, first + size) for first in range(0, shape.layers, size))
        return int(max(bytes_of_rank(shape, self.layout.split, stage) for stage in stages))

    def kv_of(self, tokens: int) -> int:
        """Bytes of KV of so many tokens of one sequence on one device."""
        groups = self.limits.groups
        return -(-sum(group.block_bytes * live_blocks(group, tokens) for group in groups) // self.layout.pp)

    def without(self, share: float) -> Limits:
        """The limits when a share of the KV memory is kept for something else."""
        return replace(self.limits, blocks=tuple(int(count * (1 - share)) for count in self.limits.blocks))

    def _limits(self, design: Design) -> Limits:
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
