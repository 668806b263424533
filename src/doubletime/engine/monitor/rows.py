"""A request as a row for whoever looks. Made on demand, from what the core keeps of its sequences."""

from __future__ import annotations

from collections.abc import Sequence as Indexed

from doubletime.core.scheduler import Scheduler
from doubletime.core.sequence import Sequence
from doubletime.core.vocabulary import Nanoseconds, State
from doubletime.engine.monitor.messages import RequestRow, WaitsFor
from doubletime.engine.monitor.reasons import BLOCKS, REASONS
from doubletime.engine.monitor.tracks import Track, Tracks
from doubletime.engine.monitor.waits import Waits

_FIRST_OF = (State.RUNNING, State.HELD, State.WAITING, State.FORKING, State.FINISHED)


def live_row(scheduler: Scheduler, waits: Waits, tracks: Tracks, track: Track, now: Nanoseconds) -> RequestRow:
    """A request of which something lives."""
    living = scheduler.roster.requests.get(track.request.id, [])
    spent = [track.waited, *(waits.spent(seq.id, now) for seq in living)]
    waits_for = _waits_for(scheduler, waits, tracks, living)
    return _row(track, [*track.ended, *living], max(spent, key=sum), waits_for, None)


def past_row(track: Track, ended: Nanoseconds) -> RequestRow:
    """A request whose choices have all ended."""
    return _row(track, track.ended, track.waited, None, ended)


def _row(
    track: Track,
    seqs: list[Sequence],
    waited: Indexed[Nanoseconds],
    waits_for: WaitsFor | None,
    ended: Nanoseconds | None,
) -> RequestRow:
    request, lead = track.request, min(seqs, key=lambda seq: seq.choice)
    state = min((seq.state for seq in seqs), key=_FIRST_OF.index)
    return RequestRow(
        name=track.name,
        state=state.value,
        finish=lead.finish.value if lead.finish and state is State.FINISHED else None,
        arrived=track.arrived,
        ended=ended,
        prompt=lead.prompt,
        prefilled=min(lead.done, lead.prompt),
        output=sum(seq.output for seq in seqs) if request.generates else 0,
        limit=request.limit if request.generates else 0,
        choices=request.n,
        cached=track.cached,
        blocks=_blocks(seqs),
        preemptions=sum(seq.preemptions for seq in seqs),
        waited=tuple(waited) or (0,) * len(REASONS),
        waits_for=waits_for,
        first=first_token(seqs),
        tpot=time_per_token(seqs),
        priority=request.priority,
        tenant=request.tenant,
    )


def first_token(seqs: Indexed[Sequence]) -> Nanoseconds | None:
    """When the first token of any choice was there."""
    return min((seq.first for seq in seqs if seq.first is not None), default=None)


def time_per_token(seqs: Indexed[Sequence]) -> float | None:
    """Nanoseconds from token to token, of the choice with the most tokens; None for less than two."""
    longest = max(seqs, key=lambda seq: seq.output)
    if longest.output < 2 or longest.first is None or longest.last is None:
        return None
    return (longest.last - longest.first) / (longest.output - 1)


def _blocks(seqs: Indexed[Sequence]) -> tuple[int, ...]:
    """Per KV group; what choices share counts once."""
    if len(seqs) == 1:
        return tuple(len(table) - table.count(-1) for table in seqs[0].tables)
    groups = zip(*(seq.tables for seq in seqs), strict=True)
    return tuple(len({block for table in tables for block in table if block >= 0}) for tables in groups)


def _waits_for(scheduler: Scheduler, waits: Waits, tracks: Tracks, living: Indexed[Sequence]) -> WaitsFor | None:
    """None while any choice is served."""
    reasons = [waits.why(seq.id) for seq in living]
    lead = next((why for why in reasons if why is not None), None)
    if lead is None or any(why is None for why in reasons):
        return None
    note, behind = lead.note, tracks.names.get(lead.behind)
    if behind:
        note = f"in line behind {behind.request}"
    elif lead.reason == BLOCKS and not note:
        note = _shortage(scheduler, living[0])
    return WaitsFor(REASONS[lead.reason], note)


def _shortage(scheduler: Scheduler, seq: Sequence) -> str:
    """How many blocks the next slab of a sequence takes at most, in the first group that has fewer."""
    memory = scheduler.memory
    hit = memory.start(seq) if seq.state is State.WAITING else None
    start, tables = (hit.tokens, hit.blocks) if hit else (seq.computed, seq.tables)
    end = min(seq.length, start + scheduler.limits.max_rows)
    for need, pool in zip(memory.missing([len(table) for table in tables], end, 0), memory.pools, strict=True):
        if need > pool.available:
            return f"it needs {need} blocks, and {pool.available} are free or cached"
    return ""
