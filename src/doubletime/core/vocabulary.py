"""Every noun of the core, each with its invariant in a line.

Time is integer nanoseconds. Lengths are tokens. Depth counts preemption points (see `DepthMap`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

Nanoseconds = int
SECOND: Nanoseconds = 1_000_000_000


class Why(Enum):
    """Why the core granted what it granted; anything but FULL is less than was asked."""

    FULL = "full"
    ROWS = "rows"  # the step's rows (activation memory) are used up
    SEATS = "seats"  # as many sequences run as may run
    BLOCKS = "blocks"  # no KV memory
    ACTIVATIONS = "activations"  # no room to keep another slab open between steps
    GRAIN = "grain"  # clipped to what a KV window can hold at once
    ADMIT = "admit"  # the policy's admit role says not yet
    BUSY = "busy"  # nothing to compute now: waits for a result, for input, or already served in this step


class Fate(Enum):
    """What becomes of the KV of a preempted sequence."""

    RECOMPUTE = "recompute"  # dropped; prefilled again later (prefix hits help)
    HOLD = "hold"  # stays in place while nobody needs the memory more


class State(Enum):
    """A sequence is in exactly one of these."""

    FORKING = "forking"  # waits for its sibling's prompt to be computed
    WAITING = "waiting"  # holds no memory
    HELD = "held"  # holds blocks (and an open slab's activations), but no seat
    RUNNING = "running"  # holds a seat and blocks
    FINISHED = "finished"


class Finish(Enum):
    """Why a sequence ended."""

    STOP = "stop"
    LENGTH = "length"
    CANCEL = "cancel"
    ERROR = "error"


class GroupKind(Enum):
    """How a KV group uses its blocks. A latent group is accounted like a full one, with its own bytes."""

    FULL = "full"
    WINDOW = "window"
    LATENT = "latent"


@dataclass(frozen=True, slots=True)
class KVGroup:
    """Layers that share one block list per sequence. `window` is in tokens, 0 unless the kind is WINDOW."""

    layers: tuple[int, ...]
    kind: GroupKind
    block_tokens: int
    block_bytes: int
    window: int = 0

    def __post_init__(self) -> None:
        if self.block_tokens < 1:
            raise ValueError(f"a KV block holds at least 1 token, not {self.block_tokens}")
        if (self.kind is GroupKind.WINDOW) != (self.window > 0):
            raise ValueError(f"a window group needs a window and only it: kind {self.kind.value}, window {self.window}")


@dataclass(frozen=True, slots=True)
class DepthMap:
    """Depth in preemption points: `points` per layer. Plans cut at layers; a stop may land on any point."""

    layers: int
    points: int = 1

    @property
    def total(self) -> int:
        return self.layers * self.points

    def at_layer(self, layer: int) -> int:
        """The depth reached when `layer` layers are done."""
        return layer * self.points

    def is_cut(self, depth: int) -> bool:
        return 0 <= depth <= self.total and depth % self.points == 0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one engine has. `blocks[g]` KV blocks in group g; rows bound a step, open rows what stays open between."""

    groups: tuple[KVGroup, ...]
    blocks: tuple[int, ...]
    depth: DepthMap
    max_seats: int = 256
    max_rows: int = 2048
    max_open_rows: int = 8192
    max_length: int = 1 << 30

    def __post_init__(self) -> None:
        if not self.groups or len(self.groups) != len(self.blocks):
            raise ValueError(f"{len(self.groups)} KV groups but {len(self.blocks)} block counts")
        if self.max_seats > self.max_rows:
            raise ValueError(f"max_rows ({self.max_rows}) must cover a decode of every seat ({self.max_seats})")
        if self.max_open_rows < self.max_rows:
            raise ValueError(f"max_open_rows ({self.max_open_rows}) must hold a stopped step ({self.max_rows} rows)")


@dataclass(frozen=True, slots=True)
class SLO:
    """Targets of one request in nanoseconds; None where it has none."""

    ttft: Nanoseconds | None = None
    tpot: Nanoseconds | None = None


class Grant(NamedTuple):
    """What `Step.run` gave. True when it is any work at all."""

    tokens: int
    why: Why

    def __bool__(self) -> bool:
        return self.tokens > 0


class Slab(NamedTuple):
    """A rectangle of work: tokens [start, start + tokens) of a sequence through depth [top, bottom).

    `samples` is the number of tokens sampled from its last row; more than 0 only at full depth.
    """

    seq: int
    start: int
    tokens: int
    top: int
    bottom: int
    samples: int = 0

    @property
    def end(self) -> int:
        return self.start + self.tokens


class Open(NamedTuple):
    """A slab whose tokens have been taken to `depth` and no deeper; the executor keeps its hidden states."""

    start: int
    tokens: int
    depth: int
