"""What fits: weights, activations and KV on the devices of one engine, to the block."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from doubletime.core.vocabulary import KVGroup, Limits
from doubletime.hardware.layout import Layout
from doubletime.hardware.machine import ELEMENT_BYTES, Machine, Spec
from doubletime.shapes import ModelShape, blocks_for_memory, bytes_of_rank, depth_map, kv_bytes_of_one, kv_groups

_LOGIT_BYTES = 8  # beside the head's own output: float32 logits, and their probabilities
_OPEN_ROWS = 8192


class DoesNotFit(ValueError):
    """The model, or one sequence of its KV, is larger than the memory. The text says how large each is."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Bytes on one device: what may be used, and what is not left for KV."""

    usable: int
    weights: int
    activations: int
    reserved: int

    @property
    def left(self) -> int:
        """For KV; below 0 where the model alone is too large."""
        return self.usable - self.weights - self.activations - self.reserved

    def __str__(self) -> str:
        return (
            f"{_gb(self.usable)} usable of a device - {_gb(self.weights)} weights "
            f"- {_gb(self.activations)} activations - {_gb(self.reserved)} reserved"
        )


def demand(
    shape: ModelShape, spec: Spec, layout: Layout, *, max_rows: int = 2048, max_seats: int = 256, share: float = 0.9
) -> Demand:
    """Of the fullest device of an engine. `share` of its memory may be used. Raises ValueError for a wrong layout.

    `max_rows` and `max_seats` are those of the engine, shared out to its data-parallel ranks.
    """
    if not 0 < share <= 1:
        raise ValueError(f"the share of memory that may be used lies above 0 and up to 1, not at {share}")
    shape = layout.apply(shape)
    size = shape.layers // layout.pp
    stages = [range(first, first + size) for first in range(0, shape.layers, size)]
    weights = max(bytes_of_rank(shape, layout.split, stage) for stage in stages)
    rows, seats = -(-max_rows // layout.ranks), -(-max_seats // layout.ranks)
    return Demand(int(spec.capacity * share), weights, _activations(shape, layout, rows, seats), spec.reserved)


def limits_for(
    shape: ModelShape,
    machine: Machine,
    layout: Layout,
    *,
    max_seats: int = 256,
    max_rows: int = 2048,
    max_model_len: int | None = None,
    block_tokens: int = 16,
    kv_memory: int | None = None,
    memory_share: float = 0.9,
) -> Limits:
    """What an engine of `layout` has. Blocks count once for all tp ranks and stages; their bytes are of one tp rank.

    `kv_memory`: bytes of KV on all devices of the engine together; None: what they have left over. `max_model_len`
    None: the model's own, or as much of it as one sequence can have. Raises DoesNotFit.
    """
    share = memory_share if kv_memory is None else 1.0
    have = demand(shape, machine.spec, layout, max_rows=max_rows, max_seats=max_seats, share=share)
    groups = kv_groups(shape, block_tokens, ELEMENT_BYTES[layout.kv], layout.tp)
    budget = have.left * layout.pp * layout.ranks if kv_memory is None else _given(kv_memory, have, layout)
    longest = max_model_len or _longest(groups, budget // layout.ranks, shape.max_position)
    least = kv_bytes_of_one(groups, longest)
    if budget // layout.ranks < least:
        raise DoesNotFit(
            f"one sequence of {longest:,} tokens needs {_gb(least // layout.pp)} of KV on each device, "
            f"{_gb(max(0, budget) // layout.pp // layout.ranks)} are left ({have}): "
            "use more devices, a smaller number format, or a smaller max_model_len"
        )
    blocks = blocks_for_memory(groups, budget, longest, max_rows, max_seats)
    return Limits(groups, blocks, depth_map(shape), max_seats, max_rows, max(_OPEN_ROWS, max_rows), longest)


def _given(kv_memory: int, have: Demand, layout: Layout) -> int:
    """Of one tp rank of each stage. Raises DoesNotFit if the devices, used to the last byte, do not have that much."""
    if have.left * layout.devices < kv_memory:
        raise DoesNotFit(
            f"{_gb(kv_memory)} of KV on {layout.devices} device(s): each has {_gb(max(0, have.left))} left ({have})"
        )
    return kv_memory // layout.tp


def _activations(shape: ModelShape, layout: Layout, rows: int, seats: int) -> int:
    """The larger of the widest layer at a full step, and the head with its sampler for every seat."""
    element, residual = ELEMENT_BYTES[layout.activations], 2 * shape.hidden
    wide = (shape.heads + 2 * shape.kv_heads) * shape.head_dim // layout.tp
    inner = 3 * shape.intermediate // layout.tp
    if shape.moe is not None:
        inner = 3 * shape.moe.top_k * shape.moe.intermediate // layout.tp
    logits = seats * shape.vocab * (element + _LOGIT_BYTES)
    return int(rows * residual * element + max(rows * max(wide, inner) * element, logits))


def _longest(groups: tuple[KVGroup, ...], budget: int, most: int) -> int:
    """The greatest length up to `most` of which one sequence fits; at least one block."""
    lengths = range(groups[0].block_tokens, most + 1)
    fitting = bisect_right(lengths, budget, key=lambda length: kv_bytes_of_one(groups, length))
    return lengths[max(0, fitting - 1)] if lengths else most


def _gb(size: float) -> str:
    return f"{size / 1e9:.2f} GB"
