"""Where the rows of a flat batch find their keys and values in a paged cache: tensors of slots, no bookkeeping.

A *slot* is the place of one token in a KV group: block × tokens per block + offset. A cache is one tensor a group,
`[layers, 2, kv heads, slots, head dim]`; its last block is padding: never written, always zero.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class DecodeRows:
    """B rows, each the newest token of its sequence, that attend to up to P slots."""

    rows: Tensor  # [B] int64: which rows of the batch
    slots: Tensor  # [B, P] int64, padded on the left with padding slots
    padding: Tensor | None  # [B, P] bool: True where the slot is padding; None: nowhere


@dataclass(frozen=True, slots=True)
class PrefillRows:
    """n neighbouring tokens of one sequence, rows [first, last) of the batch, that attend to L slots."""

    first: int
    last: int
    slots: Tensor  # [L] int64, in the order of positions; the last n are those of these rows
    mask: Tensor | None  # [n, L], added to the scores: 0 or -inf; None: plain causal attention, and n == L


@dataclass(frozen=True, slots=True)
class Layout:
    """One KV group's view of a batch of T rows. Every row is in exactly one of `decodes` and `prefills`."""

    write: Tensor  # [T] int64: the slot that each row's key and value go to
    decodes: tuple[DecodeRows, ...]
    prefills: tuple[PrefillRows, ...]
