"""A plan is data: all that an executor needs for one step, and all that a log needs to explain it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from doubletime.core.vocabulary import Fate, Nanoseconds, Slab, Why


class TableChange(NamedTuple):
    """From index `at` on, the block list of `seq` in `group` is `blocks` (-1: left the window, never read again)."""

    seq: int
    group: int
    at: int
    blocks: tuple[int, ...]


class Copy(NamedTuple):
    """Before any slab of the step runs, `source` is copied to `target` in `group` (copy on write)."""

    group: int
    source: int
    target: int


class Preemption(NamedTuple):
    seq: int
    fate: Fate


class Denied(NamedTuple):
    """A request for work that got less than it asked for; `tokens` is what it got."""

    seq: int
    tokens: int
    why: Why


@dataclass(frozen=True)
class Plan:
    """One step. An executor applies, in this order: ends, drops, frees, tables, copies, then the slabs.

    Decodes (one token, full depth, one sample) are kept in columns, because there may be hundreds a step:
    `decode_seqs[i]` computes the token at `decode_starts[i]`. `work` are all other slabs.
    `generation` counts the stopped steps the core knew of: an executor that has stopped more often than that
    applies the plan's bookkeeping and reports the step as revoked, without running a slab.
    """

    step: int
    now: Nanoseconds
    generation: int = 0
    decode_seqs: tuple[int, ...] = ()
    decode_starts: tuple[int, ...] = ()
    work: tuple[Slab, ...] = ()
    depth: int = 1  # full depth, in preemption points
    tables: tuple[TableChange, ...] = ()
    copies: tuple[Copy, ...] = ()
    frees: tuple[tuple[int, int], ...] = ()  # (group, block) that went free since the last plan
    drops: tuple[int, ...] = ()  # sequences whose block lists and open slab are void
    ends: tuple[int, ...] = ()  # sequences that are gone: forget their tokens, tables and open slab
    preempted: tuple[Preemption, ...] = ()
    wake: Nanoseconds | None = None  # nothing to run before this time, unless something happens
    denied: tuple[Denied, ...] = ()
    notes: tuple[tuple[int, str], ...] = ()
    planner: str = "policy"  # or "default": why is in `fault`
    fault: str = ""

    @classmethod
    def of(cls, **fields: Any) -> Plan:
        """As the constructor, in a tenth of its time: there is a plan for every step, and a frozen dataclass sets each
        of its fields through `object.__setattr__`."""
        plan = object.__new__(cls)
        plan.__dict__.update(fields)
        return plan

    @cached_property
    def slabs(self) -> tuple[Slab, ...]:
        """All slabs: decodes first, then the rest, in the order in which they were granted."""
        return tuple(self._decodes()) + self.work

    def _decodes(self) -> Iterator[Slab]:
        for seq, start in zip(self.decode_seqs, self.decode_starts, strict=True):
            yield Slab(seq, start, 1, 0, self.depth, 1)

    @property
    def idle(self) -> bool:
        return not (self.decode_seqs or self.work)

    @property
    def rows(self) -> int:
        return len(self.decode_seqs) + sum(slab.tokens for slab in self.work)

    def to_json(self) -> dict[str, Any]:
        """A JSON object; fields at their default are left out. `from_json` is its inverse."""
        return {name: _ENCODE.get(name, _plain)(value) for name, value in self._fields() if value != _DEFAULTS[name]}

    def _fields(self) -> Iterator[tuple[str, Any]]:
        return ((name, getattr(self, name)) for name in _DEFAULTS)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Plan:
        return cls(**{name: _DECODE.get(name, _plain)(value) for name, value in data.items()})


def _plain(value: Any) -> Any:
    return value


def _lists(value: Any) -> Any:
    return [list(row) for row in value]


_DEFAULTS: dict[str, Any] = {name: getattr(field, "default", None) for name, field in Plan.__dataclass_fields__.items()}
_ENCODE: dict[str, Any] = {
    "decode_seqs": list,
    "decode_starts": list,
    "drops": list,
    "ends": list,
    "work": _lists,
    "copies": _lists,
    "frees": _lists,
    "notes": _lists,
    "tables": lambda rows: [[seq, group, at, list(blocks)] for seq, group, at, blocks in rows],
    "preempted": lambda rows: [[seq, fate.value] for seq, fate in rows],
    "denied": lambda rows: [[seq, tokens, why.value] for seq, tokens, why in rows],
}
_DECODE: dict[str, Any] = {
    "decode_seqs": tuple,
    "decode_starts": tuple,
    "drops": tuple,
    "ends": tuple,
    "work": lambda rows: tuple(Slab(*row) for row in rows),
    "copies": lambda rows: tuple(Copy(*row) for row in rows),
    "frees": lambda rows: tuple((group, block) for group, block in rows),
    "notes": lambda rows: tuple((seq, text) for seq, text in rows),
    "tables": lambda rows: tuple(TableChange(seq, group, at, tuple(blocks)) for seq, group, at, blocks in rows),
    "preempted": lambda rows: tuple(Preemption(seq, Fate(fate)) for seq, fate in rows),
    "denied": lambda rows: tuple(Denied(seq, tokens, Why(why)) for seq, tokens, why in rows),
}
