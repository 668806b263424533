"""A device without arithmetic: it keeps what each KV slot holds, and objects to a wrong read or write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from doubletime.core.memory import first_live_block
from doubletime.core.plan import Plan
from doubletime.core.vocabulary import KVGroup, Limits, Open, Slab

Content = Callable[[int, int], list[int]]
"""(sequence, end) → for each position before `end` what its KV depends on, e.g. a hash of all tokens up to it."""


class DeviceFault(AssertionError):
    """A plan that would have computed something wrong."""


@dataclass(slots=True)
class _State:
    tables: list[list[int]]
    open: Open | None = None
    computed: int = 0


class Device:
    """KV slots of every group as (content or None). Content is only there once a token is at full depth."""

    def __init__(self, limits: Limits, content: Content, preloaded: Callable[[int], int] = lambda seq: 0) -> None:
        """`preloaded` tells once of each sequence how much KV is put into its first blocks from outside."""
        self._groups = limits.groups
        self._depth = limits.depth.total
        self._content = content
        self._preloaded = preloaded
        self._incoming: dict[int, list[int]] = {}
        self._slots: list[list[list[int | None]]] = [
            [[None] * group.block_tokens for _ in range(count)]
            for group, count in zip(limits.groups, limits.blocks, strict=True)
        ]
        self._seqs: dict[int, _State] = {}
        self._expected: dict[tuple[int, int], list[int]] = {}  # (step, sequence), as of the dispatch

    def dispatched(self, plan: Plan) -> None:
        """Notes what the plan's sequences consist of at this time: a later cut or append does not change the step."""
        for slab in plan.slabs:
            self._expected[plan.step, slab.seq] = self._content(slab.seq, slab.end)
            if tokens := self._preloaded(slab.seq):
                self._incoming[slab.seq] = self._content(slab.seq, tokens)

    def bookkeeping(self, plan: Plan) -> None:
        """Ends, drops, frees, tables, copies, in this order."""
        for seq in plan.ends + plan.drops:
            self._seqs.pop(seq, None)
        for g, block in plan.frees:
            self._slots[g][block] = [None] * self._groups[g].block_tokens
        for seq, g, at, blocks in plan.tables:
            state = self._seqs.setdefault(seq, _State([[] for _ in self._groups]))
            self._check(at <= len(state.tables[g]), f"sequence {seq}: a gap in its block list")
            state.tables[g][at:] = blocks
        for g, source, target in plan.copies:
            self._slots[g][target] = list(self._slots[g][source])
        for slab in plan.slabs:
            self._preload(slab.seq, self._incoming.pop(slab.seq, []))

    def _preload(self, seq: int, content: list[int]) -> None:
        for table, slots, group in zip(self._seqs[seq].tables, self._slots, self._groups, strict=True):
            for position in range(len(content)):
                block, offset = table[position // group.block_tokens], position % group.block_tokens
                if block >= 0 and slots[block][offset] is None:
                    slots[block][offset] = content[position]

    def begin(self, plan: Plan) -> None:
        """Checks that every slab finds what it reads, and that nobody else has what it writes."""
        seen: set[int] = set()
        for slab in plan.slabs:
            self._check(slab.seq not in seen, f"sequence {slab.seq} has two slabs in step {plan.step}")
            seen.add(slab.seq)
            self._check_continues(slab)
            for g, group in enumerate(self._groups):
                self._check_reads(plan.step, slab, g, group)
                self._check_writes(slab, g, group)
            if slab.top == 0:
                self._write(slab, None)

    def end(self, plan: Plan, reached: int) -> None:
        """The step ran to depth `reached`, 0 if it did not run."""
        for slab in plan.slabs:
            state = self._seqs.get(slab.seq)
            if state is None:
                continue
            if slab.bottom == self._depth and slab.bottom <= reached:
                state.open, state.computed = None, slab.end
                self._write(slab, self._expected[plan.step, slab.seq])
            elif slab.top < reached:
                state.open = Open(slab.start, slab.tokens, min(slab.bottom, reached))
        for slab in plan.slabs:
            del self._expected[plan.step, slab.seq]

    def _check_continues(self, slab: Slab) -> None:
        state = self._seqs.get(slab.seq)
        if state is None:
            raise DeviceFault(f"{slab} of a sequence without block lists")
        expected = Open(slab.start, slab.tokens, slab.top) if slab.top else None
        state.computed = slab.start
        self._check(state.open == expected, f"{slab} does not continue the open slab {state.open}")
        self._check(0 <= slab.top < slab.bottom <= self._depth, f"{slab} has no depth")

    def _check_reads(self, step: int, slab: Slab, g: int, group: KVGroup) -> None:
        table, content = self._seqs[slab.seq].tables[g], self._expected[step, slab.seq]
        first = max(0, slab.start - group.window + 1) if group.window else 0  # the oldest position in the window
        for position in range(first, slab.start):
            block, offset = table[position // group.block_tokens], position % group.block_tokens
            self._check(block >= 0, f"{slab} reads position {position} of group {g}, which left the window")
            found, expected = self._slots[g][block][offset], content[position]
            self._check(found == expected, f"{slab} reads {found} at {position} of group {g}, not {expected}")

    def _check_writes(self, slab: Slab, g: int, group: KVGroup) -> None:
        table = self._seqs[slab.seq].tables[g]
        first, last = slab.start // group.block_tokens, (slab.end - 1) // group.block_tokens
        self._check(last < len(table), f"{slab} has no block for its end in group {g}")
        written = set(table[first : last + 1])
        self._check(-1 not in written and len(written) == last + 1 - first, f"{slab}: bad blocks {written}")
        for other, state in self._seqs.items():
            if other != slab.seq:
                read = state.tables[g][first_live_block(group, state.computed) :]
                self._check(written.isdisjoint(read), f"{slab} writes a block that sequence {other} reads")

    def _write(self, slab: Slab, content: list[int] | None) -> None:
        for g, group in enumerate(self._groups):
            table = self._seqs[slab.seq].tables[g]
            for position in range(slab.start, slab.end):
                block, offset = table[position // group.block_tokens], position % group.block_tokens
                if block >= 0:
                    self._slots[g][block][offset] = content[position] if content else None

    def _check(self, ok: bool, message: str) -> None:
        if not ok:
            raise DeviceFault(message)
