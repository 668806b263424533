"""Results are handled: what was in flight becomes progress, or is taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doubletime.core.events import Result, Row
from doubletime.core.flight import Flight
from doubletime.core.sequence import Sequence
from doubletime.core.vocabulary import Finish, Open, Slab, State

if TYPE_CHECKING:
    from doubletime.core.scheduler import Scheduler


def settle(core: Scheduler, flight: Flight, result: Result) -> bool:
    """Applies the result of the oldest step in flight, then lets go of the memory that waited for it.

    Returns whether it finished a sequence.
    """
    living = len(core.roster.sequences)
    if result.failed:
        _failed(core, flight)
    elif not (flight.revoked or result.revoked):
        exhausted: list[Sequence] = []
        if result.reached is None:
            exhausted = _complete(core, flight)
        else:
            _stopped(core, flight, result.reached)
        for row in result.rows:
            _special(core, row, flight.step)
        for seq in exhausted:
            if seq.finish is None:  # whether or not its row said so
                core.roster.finish(seq, Finish.LENGTH)
    core.roster.let_go(flight)
    return len(core.roster.sequences) < living


def _complete(core: Scheduler, flight: Flight) -> list[Sequence]:
    """The step ran to its end. Those that now have all the output that they may have."""
    step, now = flight.step, core.now
    exhausted = []
    for seq in flight.decodes:
        if seq.finish is not None or step < seq.void_from:
            continue
        seq.in_flight -= 1
        seq.pending -= 1
        seq.output += 1
        seq.last = now
        if step >= seq.fresh_from:
            seq.done += 1
            if seq.done >= seq.tend_at:
                core.memory.tend(seq)
        if seq.output >= seq.request.limit:
            core.roster.refresh(seq)
            exhausted.append(seq)
        elif seq.request.serial:
            core.roster.refresh(seq)
    for seq, slab in flight.slabs:
        _complete_slab(core, seq, slab, step)
        if seq.output >= seq.request.limit:
            exhausted.append(seq)
    return exhausted


def _complete_slab(core: Scheduler, seq: Sequence, slab: Slab, step: int) -> None:
    if seq.finish is not None or step < seq.void_from:
        return
    seq.in_flight -= 1
    _sampled(core, seq, slab.samples)
    if step >= seq.fresh_from:
        if slab.bottom == core.limits.depth.total:
            seq.done, seq.settled_open = slab.end, None
            core.roster.fork_siblings(seq)
            core.memory.tend(seq)
        else:
            seq.settled_open = Open(slab.start, slab.tokens, slab.bottom)
    core.roster.refresh(seq)


def _failed(core: Scheduler, flight: Flight) -> None:
    for seq in flight.seqs:
        if seq.finish is None and flight.step >= seq.void_from:
            seq.in_flight -= 1
            core.roster.finish(seq, Finish.ERROR)


def _sampled(core: Scheduler, seq: Sequence, count: int) -> None:
    if not count:
        return
    seq.pending -= count
    seq.output += count
    seq.last = core.now
    if seq.first is None:
        seq.first = core.now


def _stopped(core: Scheduler, flight: Flight, reached: int) -> None:
    """Every slab stays open at the depth reached; later steps that were planned on its end are void."""
    core.generation += 1
    for slab, seq in zip(flight.plan.slabs, flight.seqs, strict=True):
        if seq.finish is not None or flight.step < seq.void_from:
            continue
        if slab.bottom <= reached:
            _complete_slab(core, seq, slab, flight.step)
        elif flight.step >= seq.fresh_from and slab.top < reached:
            seq.settled_open = Open(slab.start, slab.tokens, reached)
    for later in core.roster.flights:
        later.revoked = True
        for seq in later.seqs:
            core.roster.take_back(seq)
    for seq in flight.seqs:
        core.roster.take_back(seq)


def _special(core: Scheduler, row: Row, step: int) -> None:
    """New block keys and finishes. Rows of sequences that are gone, or were truncated since, are void."""
    seq = core.roster.sequences.get(row.seq)
    if seq is None or seq.state is State.FINISHED or step < seq.void_from:
        return
    if row.keys:
        seq.keys.extend(row.keys)
        core.memory.tend(seq)
    if row.finish is not None:
        core.roster.finish(seq, row.finish)
