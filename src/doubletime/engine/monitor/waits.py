"""Who waits and why, from the plans. A step that only repeats the last one changes nothing here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from doubletime.core.plan import Plan
from doubletime.core.vocabulary import Nanoseconds, State
from doubletime.engine.monitor.clock import ReasonClock
from doubletime.engine.monitor.line import Line
from doubletime.engine.monitor.reasons import BLOCKS, BUSY, OF, POLICY, Reason, passed_over, queueing
from doubletime.engine.monitor.waiter import IN_LINE, SERVED, Waiter

if TYPE_CHECKING:
    from doubletime.core.scheduler import Scheduler

JUST_CAME = "the steps in flight were planned before it came"
GAVE_WAY = "it was preempted for others"
NOTHING_TO_COMPUTE = "it has nothing to compute before more comes"


class Waiting(NamedTuple):
    """What a sequence waits for now. `behind` is the sequence that is asked first, -1 if that is nobody."""

    reason: Reason
    note: str
    behind: int = -1


class Waits:
    """Every live sequence is served (a step that was planned computes it) or waits for exactly one reason.

    The choices of a request that wait for its prompt are counted as neither: the request is being served. `apart` are
    those with a reason of their own; the others that wait stand in the line.
    """

    def __init__(self) -> None:
        self.clock = ReasonClock()
        self._line = Line(self.clock)
        self._waiters: dict[int, Waiter] = {}
        self._waiting: dict[int, Waiter] = {}
        self._apart: dict[int, Waiter] = {}
        self._forking: dict[int, tuple[int, ...]] = {}  # by the last of them
        self._served: set[int] = set()

    # ---- what happens

    def arrived(self, request: int, n: int, now: Nanoseconds) -> None:
        """A request has come; the next plan will know of it."""
        for seq in range(request, request + n):
            self._waiters[seq] = Waiter()
        self._wait(request, BUSY, JUST_CAME, now)
        if n > 1:
            self._forking[request + n - 1] = tuple(range(request + 1, request + n))

    def planned(self, scheduler: Scheduler, plan: Plan) -> None:
        """A step was planned that does not merely repeat the one before."""
        served = {*plan.decode_seqs, *(slab.seq for slab in plan.work)}
        if self._waiting:
            for seq in self._waiting.keys() & served:
                self._serve(seq, plan.now)
        if self._forking:
            self._look_at_forks(scheduler, served, plan.now)
        self._look_at_left_out(scheduler, served, plan.now)
        if self._waiting:
            self._explain(scheduler, plan)

    def ended(self, seq: int, now: Nanoseconds) -> list[Nanoseconds]:
        """A sequence is gone; the time that it waited, by reason."""
        waiter = self._waiters.pop(seq, None)
        if waiter is None:
            return []
        waiter.move(SERVED, self._line, self.clock, now)
        for kept in (self._waiting, self._apart, self._forking):
            kept.pop(seq, None)
        self._served.discard(seq)
        return waiter.spent(self._line, now)

    def ended_all(self, seqs: Iterable[int], now: Nanoseconds) -> None:
        """Sequences that have never lived are gone."""
        for seq in seqs:
            self.ended(seq, now)

    # ---- looking

    @property
    def forking(self) -> int:
        """Choices that wait for the prompt of their request."""
        return sum(map(len, self._forking.values()))

    @property
    def count(self) -> int:
        """Sequences that wait."""
        return len(self._waiting)

    def spent(self, seq: int, now: Nanoseconds) -> list[Nanoseconds]:
        """The time that a live sequence has waited, by reason."""
        waiter = self._waiters.get(seq)
        return waiter.spent(self._line, now) if waiter else []

    def why(self, seq: int) -> Waiting | None:
        """What a sequence waits for; None if it does not."""
        waiter = self._waiting.get(seq)
        if waiter is None:
            return None
        if waiter.state == IN_LINE:
            return Waiting(self._line.queueing.reason, "", self._line.queueing.behind)
        return Waiting(waiter.state, waiter.note)

    # ---- moving

    def _serve(self, seq: int, now: Nanoseconds) -> None:
        waiter = self._waiting.pop(seq)
        waiter.move(SERVED, self._line, self.clock, now)
        self._apart.pop(seq, None)

    def _wait(self, seq: int, reason: Reason, note: str, now: Nanoseconds) -> None:
        waiter = self._waiting[seq] = self._waiters[seq]
        waiter.note = note
        waiter.move(reason, self._line, self.clock, now)
        if reason == IN_LINE:
            self._apart.pop(seq, None)
        else:
            self._apart[seq] = waiter

    def _look_at_forks(self, scheduler: Scheduler, served: set[int], now: Nanoseconds) -> None:
        """Choices whose prompt is complete wait from now on, unless they run."""
        for last, siblings in list(self._forking.items()):
            seq = scheduler.roster.sequences[last]
            if seq.state is State.FORKING:
                continue
            del self._forking[last]
            for sibling in siblings:
                if sibling in self._waiters and sibling not in served:
                    self._wait(sibling, POLICY, "", now)

    def _look_at_left_out(self, scheduler: Scheduler, served: set[int], now: Nanoseconds) -> None:
        """Those who ran and do not run now wait, once no step in flight computes them."""
        for seq in self._served - served:
            sequence = scheduler.roster.sequences.get(seq)
            if sequence is None:
                continue
            if sequence.state is State.RUNNING and sequence.in_flight:
                served.add(seq)
            else:
                self._wait(seq, POLICY, "", now)
        self._served = served

    # ---- reasons

    def _explain(self, scheduler: Scheduler, plan: Plan) -> None:
        """The reason of everybody who waits: as refused, as the policy notes, or as for all who were passed over."""
        now, waiting = plan.now, self._waiting
        self._line.turn(queueing(scheduler, plan), now)
        denied = {row.seq: OF[row.why] for row in plan.denied if not row.tokens and row.seq in waiting}
        notes = {seq: text for seq, text in plan.notes if seq in waiting}
        gave_way = {row.seq for row in plan.preempted if row.seq in waiting}
        for seq in list(self._apart):
            if seq not in denied and seq not in notes and seq not in gave_way:
                self._wait(seq, *_passed_over(scheduler, plan, seq), now)
        for seq in gave_way:
            self._wait(seq, _preempted_for(scheduler, seq), GAVE_WAY, now)
        for seq, text in notes.items():
            self._wait(seq, denied.get(seq, POLICY), text, now)
        for seq, reason in denied.items():
            self._wait(seq, reason, notes.get(seq, ""), now)


def _passed_over(scheduler: Scheduler, plan: Plan, seq_id: int) -> tuple[Reason, str]:
    """The reason of a sequence that nobody asked for, and a note."""
    seq = scheduler.roster.sequences[seq_id]
    if not seq.runnable:
        return BUSY, NOTHING_TO_COMPUTE
    return (passed_over(scheduler, plan), "") if seq.state is State.RUNNING else (IN_LINE, "")


def _preempted_for(scheduler: Scheduler, seq_id: int) -> Reason:
    """Blocks, if what it lost would not fit any more; else the policy wanted it so."""
    seq, memory = scheduler.roster.sequences[seq_id], scheduler.memory
    need = memory.missing([0] * len(memory.groups), seq.known, 0)
    return BLOCKS if any(count > pool.available for count, pool in zip(need, memory.pools, strict=True)) else POLICY
