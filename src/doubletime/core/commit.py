"""A step becomes a plan: the staged grants take effect, in an order that never needs more than was counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doubletime.core.flight import Flight
from doubletime.core.plan import Copy, Plan, Preemption, TableChange
from doubletime.core.policy import Work
from doubletime.core.sequence import Sequence
from doubletime.core.step import Staged, Step
from doubletime.core.vocabulary import Open, Slab

if TYPE_CHECKING:
    from doubletime.core.scheduler import Scheduler


def commit(core: Scheduler, step: Step, planner: str, fault: str) -> tuple[Plan, Flight | None]:
    """Preempt, seat, allocate, advance; then the plan. The flight is None when the plan is idle."""
    for seq_id, fate in step.preempted.items():
        core.roster.preempt(core.roster.sequences[seq_id], fate)
    for seq_id, until in step.pins.items():
        core.roster.sequences[seq_id].pin_until = until
    staged = list(step.grants.values())
    for grant in staged:
        _seat(core, grant)
    tables: list[TableChange] = []
    copies: list[Copy] = []
    for grant in staged:
        _provide(core, grant, tables, copies)
    for seq, need in step.growth():
        _extend(core, seq, need, tables)
    work = step.work if core.stack.listens else Work()
    decodes: tuple[Sequence, ...] = tuple(step.decodes.values())
    slabs: tuple[tuple[Sequence, Slab], ...] = ()
    if staged:
        decodes += tuple([grant.seq for grant in staged if _is_decode(grant)])
        slabs = tuple([(grant.seq, grant.slab) for grant in staged if not _is_decode(grant)])
    starts = _advance_decodes(core, decodes, step.index)
    for seq, slab in slabs:
        _advance(core, seq, slab, step.index)
    for grant in staged:
        core.roster.refresh(grant.seq)
    carried_out = bool(decodes or slabs)  # an idle plan reaches no executor: what it should forget waits
    plan = Plan.of(
        step=step.index,
        now=step.now,
        generation=core.generation,
        decode_seqs=tuple([seq.id for seq in decodes]),
        decode_starts=starts,
        work=tuple([slab for _, slab in slabs]),
        depth=step.depth.total,
        tables=tuple(tables),
        copies=tuple(copies),
        frees=core.memory.take_freed() if carried_out else (),
        drops=_take(core.roster.drops) if carried_out else (),
        ends=_take(core.roster.ends) if carried_out else (),
        preempted=tuple([Preemption(seq, fate) for seq, fate in step.preempted.items()]),
        wake=step.wake,
        denied=tuple(step.denied.values()),
        notes=tuple(step.notes.items()),
        planner=planner,
        fault=fault,
    )
    return plan, Flight(plan, step.now, work, decodes, slabs) if carried_out else None


def _take(ids: list[int]) -> tuple[int, ...]:
    """Empties the list; each id once, in order."""
    taken = tuple(dict.fromkeys(ids))
    ids.clear()
    return taken


def _is_decode(grant: Staged) -> bool:
    """Fits the plan's columns: a whole one-token slab that samples."""
    slab = grant.slab
    return slab.tokens == 1 and slab.samples == 1 and slab.top == 0 and grant.seq.output + grant.seq.pending > 0


def _seat(core: Scheduler, grant: Staged) -> None:
    if not grant.new_seat:
        return
    seq = grant.seq
    if grant.hit is not None and grant.hit.tokens:
        core.memory.seat_hit(seq, grant.hit)
        seq.hit_tokens = grant.hit.tokens
    seq.preloaded = 0
    core.roster.seat(seq)


def _provide(core: Scheduler, grant: Staged, tables: list[TableChange], copies: list[Copy]) -> None:
    """Gives a sequence the blocks of its grant and tells the executor what changed in its block lists."""
    seq, memory = grant.seq, core.memory
    before = [len(table) for table in seq.tables]
    if seq.computed >= seq.room:
        copied = memory.make_writable(seq)
        copies.extend(copied)
        for copy in copied:
            before[copy.group] = min(before[copy.group], seq.computed // memory.groups[copy.group].block_tokens)
    memory.extend(seq, grant.need)
    for g, table in enumerate(seq.tables):
        first = before[g] if seq.announced else 0
        if first < len(table):
            tables.append(TableChange(seq.id, g, first, tuple(table[first:])))
    seq.announced = True


def _extend(core: Scheduler, seq: Sequence, need: list[int], tables: list[TableChange]) -> None:
    """The next block of a sequence that only goes on."""
    core.memory.extend(seq, need)
    for g, count in enumerate(need):
        if count:
            table = seq.tables[g]
            tables.append(TableChange(seq.id, g, len(table) - count, tuple(table[-count:])))


def _advance_decodes(core: Scheduler, decodes: tuple[Sequence, ...], step: int) -> tuple[int, ...]:
    """Counts the decodes as in flight; the positions that they compute."""
    starts = [seq.computed for seq in decodes]
    for seq in decodes:
        seq.computed += 1
        seq.pending += 1
        seq.in_flight += 1
        seq.last_step = step
        if seq.computed >= seq.prompt + seq.request.limit - 1 or seq.request.serial:
            core.roster.refresh(seq)
    return tuple(starts)


def _advance(core: Scheduler, seq: Sequence, slab: Slab, step: int) -> None:
    if seq.first_slab is None:
        seq.first_slab = core.now
    core.roster.open_rows -= seq.open.tokens if seq.open else 0
    if slab.bottom < core.limits.depth.total:
        seq.open = Open(slab.start, slab.tokens, slab.bottom)
        core.roster.open_rows += slab.tokens
    else:
        seq.open = None
        seq.computed = slab.end
    seq.pending += slab.samples
    seq.in_flight += 1
    seq.last_step = step
