"""Fast-forward: rounds in which nothing but counters change are taken at once, with the very same outcome.

A round is the result of the oldest step in flight and the plan of the next step. While the policy has promised the same
bulk decode, and no sequence ends and no memory runs short, all that a round does is count: one token for everybody, a
block for whoever needs one, a key published, a window slid. `horizon` says for how many rounds that holds; `leap`
does them, block by block in the order in which single steps would have done it.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence as Row
from dataclasses import replace
from typing import TYPE_CHECKING

from doubletime.core.flight import Flight
from doubletime.core.plan import Plan
from doubletime.core.sequence import NEVER, Sequence
from doubletime.core.vocabulary import Nanoseconds

if TYPE_CHECKING:
    from doubletime.core.scheduler import Scheduler

_TEND, _GROW = 0, 1  # in a round results are handled before the next step is planned

_Due = tuple[int, int, int, Sequence]  # (round, tend or grow, place in the batch, sequence)


def horizon(core: Scheduler, most: int) -> int:
    """Up to `most` rounds that change nothing but counters; 0 if the next step must be planned as usual."""
    flights = core.roster.flights
    if not flights or not _all_alike(core):
        return 0
    oldest = flights[0].step
    for seq in flights[0].decodes:
        left = seq.prompt + seq.request.limit - 1 - seq.computed
        if left < most:
            most = left
        if seq.fresh_from > oldest or seq.void_from > oldest or seq.request.serial:
            return 0
    if most > 0 and len(core.roster.waiting):
        most = min(most, _before_news(flights[0].decodes))
    while most > 0 and not _enough_blocks(core, flights[0].decodes, most):
        most //= 2
    return max(0, most)


def _all_alike(core: Scheduler) -> bool:
    """Every step in flight is the same bulk decode of all there is to decode."""
    flights = core.roster.flights
    batch = flights[0].decodes
    if len(batch) != len(core.roster.decoding) or core.generation != flights[0].plan.generation:
        return False
    return flights[-1].step - flights[0].step == len(flights) - 1 and all(
        flight.pure and not (flight.limbo or flight.stop_asked or flight.revoked) and flight.decodes == batch
        for flight in flights
    )


def _before_news(batch: tuple[Sequence, ...]) -> int:
    """Rounds before a block is published: somebody who waits may then find a longer prefix."""
    return min((seq.tend_at - seq.done for seq in batch), default=NEVER) - 1


def _enough_blocks(core: Scheduler, batch: tuple[Sequence, ...], rounds: int) -> bool:
    for g, (group, pool) in enumerate(zip(core.memory.groups, core.memory.pools, strict=True)):
        size = group.block_tokens
        need = sum([-(-(seq.computed + rounds) // size) - len(seq.tables[g]) for seq in batch])
        if need > pool.available:
            return False
    return True


def leap(core: Scheduler, ends: Row[Nanoseconds]) -> None:
    """Takes one round for each time in `ends`: when the steps in flight, and then those planned on them, end.

    At most `horizon` of them.
    """
    roster, rounds = core.roster, len(ends)
    batch = roster.flights[0].decodes
    _tend_and_grow(core, batch, rounds)
    now, last = ends[-1], roster.step + rounds - 1
    for seq in batch:
        seq.done += rounds
        seq.output += rounds
        seq.computed += rounds
        seq.last = now
        seq.last_step = last
        if seq.computed >= seq.prompt + seq.request.limit - 1:
            roster.refresh(seq)  # its last token is planned
    core.now = roster.now = now
    _move_flights(core, ends)
    roster.step += rounds


def _tend_and_grow(core: Scheduler, batch: tuple[Sequence, ...], rounds: int) -> None:
    due = _first_dues(batch, rounds)
    heapq.heapify(due)
    while due:
        at, kind, place, seq = heapq.heappop(due)
        again = (_tend if kind == _TEND else _grow)(core, seq, at)
        if again <= rounds:
            heapq.heappush(due, (again, kind, place, seq))


def _first_dues(batch: tuple[Sequence, ...], rounds: int) -> list[_Due]:
    due: list[_Due] = []
    for place, seq in enumerate(batch):
        if (at := seq.room - seq.computed + 1) <= rounds:
            due.append((at, _GROW, place, seq))
        if (at := seq.tend_at - seq.done) <= rounds:
            due.append((max(1, at), _TEND, place, seq))
    return due


def _tend(core: Scheduler, seq: Sequence, at: int) -> int:
    """Publishes and slides as the result of round `at` does; the round in which there is something again."""
    before = seq.done
    seq.done += at
    core.memory.tend(seq)
    seq.done = before
    return max(at + 1, seq.tend_at - before)


def _grow(core: Scheduler, seq: Sequence, at: int) -> int:
    """The block that the plan of round `at` takes; the round that takes the next one."""
    position = seq.computed + at - 1
    core.memory.extend(seq, core.memory.next_blocks(seq, position))
    return seq.room - seq.computed + 1


def _move_flights(core: Scheduler, ends: Row[Nanoseconds]) -> None:
    """The steps in flight are now later ones of the same kind."""
    flights, rounds = core.roster.flights, len(ends)
    first, count = flights[0], len(flights)
    core.reports.leapt(first, rounds, ends[-1] - first.started)
    for i in range(count):
        planned = rounds - count + i  # the round that planned it; below 0: it was in flight before
        now = ends[planned] if planned >= 0 else flights[i + rounds].plan.now
        flights[i] = _later(flights[i], core.roster.step + planned, rounds, now, ends[-1] if i == 0 else now)


def _later(flight: Flight, step: int, rounds: int, now: Nanoseconds, started: Nanoseconds) -> Flight:
    """The step that is in this place of the queue `rounds` rounds on."""
    plan, work = flight.plan, flight.work
    starts = tuple([start + rounds for start in plan.decode_starts])
    later = Plan.of(
        step=step,
        now=now,
        generation=plan.generation,
        decode_seqs=plan.decode_seqs,
        decode_starts=starts,
        depth=plan.depth,
    )
    if work.decodes:  # somebody listens
        work = replace(work, decode_context=work.decode_context + rounds * work.decodes)
    return Flight(later, started, work, flight.decodes, ())
