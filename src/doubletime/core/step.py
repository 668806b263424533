"""The step under construction: what a policy asks for is checked and counted here; nothing changes before `commit`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doubletime.core.memory import Hit
from doubletime.core.plan import Denied
from doubletime.core.policy import SequenceView, Work
from doubletime.core.sequence import Sequence
from doubletime.core.staging import StagedMemory
from doubletime.core.vocabulary import DepthMap, Fate, Grant, Nanoseconds, Slab, State, Why

if TYPE_CHECKING:
    from doubletime.core.scheduler import Scheduler
    from doubletime.core.stack import Stack


@dataclass(slots=True)
class Staged:
    """A granted slab and what it will take. `hit` is set when the sequence takes its first blocks with it."""

    seq: Sequence
    slab: Slab
    need: list[int]
    hit: Hit | None
    new_seat: bool


class Step:
    """One step. See `StepView` for what each call means to a policy."""

    def __init__(self, scheduler: Scheduler, stack: Stack) -> None:
        limits = scheduler.limits
        self._roster = scheduler.roster
        self._stack = stack
        self._memory = StagedMemory(scheduler.memory)
        self.now: Nanoseconds = scheduler.now
        self.index = scheduler.step
        self.depth: DepthMap = limits.depth
        self.rows = limits.max_rows
        self.seats = limits.max_seats - len(scheduler.roster.running)
        self.open_rows = limits.max_open_rows - scheduler.roster.open_rows
        self.decodes: dict[int, Sequence] = {}
        self.grants: dict[int, Staged] = {}
        self.preempted: dict[int, Fate] = {}
        self.pins: dict[int, Nanoseconds] = {}
        self.notes: dict[int, str] = {}
        self.denied: dict[int, Denied] = {}
        self.wake: Nanoseconds | None = None

    # ---- looking

    @property
    def blocks(self) -> tuple[int, ...]:
        return tuple(self._memory.available)

    @property
    def work(self) -> Work:
        slabs = [staged.slab for staged in self.grants.values()]
        sizes = [size_of(slab, self._is_decode(slab), self.depth.total) for slab in slabs]
        contexts = sum(seq.computed for seq in self.decodes.values())
        return sum(sizes, Work(decodes=len(self.decodes), decode_context=contexts))

    def running(self) -> Iterator[Sequence]:
        return (seq for seq in list(self._roster.running.values()) if seq.runnable and self._untouched(seq))

    def prefills(self) -> Iterator[Sequence]:
        return (seq for seq in list(self._roster.prefilling.values()) if seq.runnable and self._untouched(seq))

    def waiting(self) -> Iterator[Sequence]:
        return (seq for seq in self._roster.waiting if self._untouched(seq))

    def hit(self, seq: SequenceView) -> int:
        own = self._own(seq)
        return self._roster.memory.start(own).tokens if own.state is State.WAITING else own.computed

    # ---- asking

    def run(
        self, seq: SequenceView, tokens: int | None = None, *, depth: int | None = None, reserve: bool = False
    ) -> Grant:
        own = self._own(seq)
        grant = self._try(own, tokens, self._bottom(own, depth), reserve)
        if grant.why is not Why.FULL:
            self.denied[own.id] = Denied(own.id, grant.tokens, grant.why)
        else:
            self.denied.pop(own.id, None)
        return grant

    def insist(
        self, seq: SequenceView, tokens: int | None = None, *, depth: int | None = None, reserve: bool = False
    ) -> Grant:
        own = self._own(seq)
        grant = self.run(own, tokens, depth=depth, reserve=reserve)
        while not grant and grant.why is Why.BLOCKS and not self._memory.wait_is_enough and self._make_way(own):
            grant = self.run(own, tokens, depth=depth, reserve=reserve)
        return grant

    def decode_all(self, except_: Iterable[SequenceView] = ()) -> int:
        """The fast path takes those that need nothing but a row; the others insist one by one, first admitted first."""
        before = self.rows
        candidates: Iterable[Sequence] = self._roster.decoding.values()
        skip = {seq.id for seq in except_}
        if skip or self.grants or self.preempted or self.decodes:
            candidates = [seq for seq in candidates if seq.id not in skip and self._untouched(seq)]
        slow = self._decode_fast(candidates)
        for seq in sorted(slow, key=lambda seq: seq.admitted):
            if self._untouched(seq):
                self.insist(seq, 1)
        return before - self.rows

    def _decode_fast(self, candidates: Iterable[Sequence]) -> list[Sequence]:
        """Grants what needs no more than the next block; returns the rest."""
        decodes, slow = self.decodes, []
        most = len(decodes) + self.rows
        before = len(decodes)
        for seq in candidates:
            if len(decodes) < most and (
                seq.computed < seq.room or (seq.computed == seq.room and self._memory.grow(seq))
            ):
                decodes[seq.id] = seq
            else:
                slow.append(seq)
        self.rows -= len(decodes) - before
        return slow

    def preempt(self, seq: SequenceView, fate: Fate = Fate.RECOMPUTE) -> None:
        own = self._own(seq)
        self._withdraw(own)
        if own.state is State.RUNNING and own.id not in self.preempted:
            self.seats += 1
        elif own.state is not State.HELD or fate is Fate.HOLD:
            return
        if fate is Fate.RECOMPUTE:
            self._memory.give_back(own)
            self.open_rows += own.open.tokens if own.open and not own.in_flight else 0
        self.preempted[own.id] = fate

    def pin(self, seq: SequenceView, until: Nanoseconds) -> None:
        self.pins[self._own(seq).id] = until

    def sleep(self, until: Nanoseconds) -> None:
        if until > self.now:
            self.wake = until if self.wake is None else min(self.wake, until)

    def note(self, seq: SequenceView, text: str) -> None:
        self.notes[seq.id] = text

    def rekey(self, seq: SequenceView) -> None:
        self._roster.waiting.rekey(self._own(seq))

    def growth(self) -> Iterator[tuple[Sequence, list[int]]]:
        """Decodes that take new blocks, and how many per group."""
        decodes = self.decodes
        return ((decodes[seq], need) for seq, need in self._memory.all_taken() if seq in decodes)

    # ---- checking

    def _own(self, seq: SequenceView) -> Sequence:
        own = self._roster.sequences.get(seq.id)
        if own is None:
            raise ValueError(f"sequence {seq.id} is gone; a policy must forget a sequence when it has left")
        return own

    def _untouched(self, seq: Sequence) -> bool:
        return seq.id not in self.decodes and seq.id not in self.grants and seq.id not in self.preempted

    def _bottom(self, seq: Sequence, depth: int | None) -> int:
        if depth is None:
            return self.depth.total
        if not self.depth.is_cut(depth) or depth <= seq.depth:
            raise ValueError(f"depth {depth} is no layer boundary below {seq.depth} and up to {self.depth.total}")
        return depth

    def _try(self, seq: Sequence, tokens: int | None, bottom: int, reserve: bool) -> Grant:
        """Checks in the order of cost; the first limit met is the reason."""
        new_seat = seq.state is not State.RUNNING
        if not seq.runnable or not self._untouched(seq) or (tokens is not None and tokens <= 0):
            return Grant(0, Why.BUSY)
        if new_seat and self.seats <= 0:
            return Grant(0, Why.SEATS)
        if self.rows <= 0:
            return Grant(0, Why.ROWS)
        if new_seat and self._stack.admits and not self._stack.admission.admit(self, seq):
            return Grant(0, Why.ADMIT)
        hit = self._roster.memory.start(seq) if seq.state is State.WAITING else None
        slab, why = self._cut(seq, hit, tokens, bottom)
        if slab is None:
            return Grant(0, why)
        return self._take(Staged(seq, slab, [], hit, new_seat), why, reserve)

    def _cut(self, seq: Sequence, hit: Hit | None, tokens: int | None, bottom: int) -> tuple[Slab | None, Why]:
        """The slab that rows, open rows and KV windows allow."""
        if seq.open is not None:
            start, want, top = seq.open
            take, why = (want, Why.FULL) if want <= self.rows else (0, Why.ROWS)
        else:
            start, top = hit.tokens if hit else seq.computed, 0
            want = seq.length - start if tokens is None else min(tokens, seq.length - start)
            take, why = self._clip(seq, start, want)
        if bottom < self.depth.total and seq.open is None and take > self.open_rows:
            return None, Why.ACTIVATIONS
        if take <= 0:
            return None, why
        samples = int(bottom == self.depth.total and start + take == seq.length and seq.final)
        return Slab(seq.id, start, take, top, bottom, samples), why

    def _clip(self, seq: Sequence, start: int, want: int) -> tuple[int, Why]:
        memory = self._roster.memory
        window_end = memory.most_at_once(memory.first_live(seq.done if seq.computed else start))
        if window_end - start < min(want, self.rows):
            return window_end - start, Why.GRAIN
        return (want, Why.FULL) if want <= self.rows else (self.rows, Why.ROWS)

    def _take(self, staged: Staged, why: Why, reserve: bool) -> Grant:
        seq, slab = staged.seq, staged.slab
        held = [len(blocks) for blocks in (staged.hit.blocks if staged.hit else seq.tables)]
        staged.need = self._roster.memory.missing(held, slab.end, seq.length if reserve else 0)
        if not self._memory.usable(staged.hit):
            return Grant(0, Why.BUSY)
        while not self._memory.take(seq, staged.need, staged.hit):
            if not self._reclaim_held(seq):
                return Grant(0, Why.BLOCKS)
        if slab.bottom < self.depth.total and slab.top == 0:
            self.open_rows -= slab.tokens
        self.seats -= staged.new_seat
        self.rows -= slab.tokens
        self.grants[seq.id] = staged
        return Grant(slab.tokens, why)

    # ---- making way

    def _make_way(self, need: Sequence) -> bool:
        candidates = (seq for seq in self._roster.running.values() if seq is not need and seq.id not in self.preempted)
        victim = self._stack.victims.victim(self, need, candidates)
        if victim is None or victim.id == need.id:
            return False
        if not victim.seated or victim.id in self.preempted:  # nothing would be gained, and it would be named again
            raise ValueError(f"sequence {victim.id} does not run and cannot give way")
        self.preempt(victim, self._stack.victims.fate(victim))
        return True

    def _reclaim_held(self, need: Sequence) -> bool:
        """Held memory is a wish: the newest held sequence loses its KV before anybody is refused a block."""
        held = [seq for seq in self._roster.held.values() if seq is not need and seq.id not in self.grants]
        held += [self._roster.sequences[i] for i, fate in self.preempted.items() if fate is Fate.HOLD]
        held = [seq for seq in held if self.preempted.get(seq.id) is not Fate.RECOMPUTE]
        if not held or self._memory.wait_is_enough:
            return False
        newest = max(held, key=lambda seq: seq.age_key)
        self.preempted.pop(newest.id, None)
        self._memory.give_back(newest)
        self.open_rows += newest.open.tokens if newest.open and not newest.in_flight else 0
        self.preempted[newest.id] = Fate.RECOMPUTE
        return True

    def _withdraw(self, seq: Sequence) -> None:
        """Takes back what this step has granted to a sequence."""
        if self.decodes.pop(seq.id, None) is not None:
            self.rows += 1
            if self._memory.taken(seq) is not None:
                self._memory.undo(seq, None)
        staged = self.grants.pop(seq.id, None)
        if staged is None:
            return
        self.rows += staged.slab.tokens
        self.seats += staged.new_seat
        if staged.slab.bottom < self.depth.total and staged.slab.top == 0:
            self.open_rows += staged.slab.tokens
        self._memory.undo(seq, staged.hit)

    def _is_decode(self, slab: Slab) -> bool:
        return slab.tokens == 1 and slab.samples == 1 and self._roster.sequences[slab.seq].decoding


def size_of(slab: Slab, is_decode: bool, depth: int) -> Work:
    """The work of one slab, weighted by its share of the depth."""
    if is_decode:
        return Work(decodes=1, decode_context=slab.start)
    tokens = slab.tokens * (slab.bottom - slab.top) / depth
    return Work(prefill_tokens=tokens, prefill_context=tokens * (slab.start + slab.tokens / 2))
