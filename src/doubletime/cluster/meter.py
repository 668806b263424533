"""What a router may know of a replica's prefill: how many tokens are queued, and how fast they have gone so far."""

from __future__ import annotations

from doubletime.core.events import Request, Result
from doubletime.core.plan import Plan
from doubletime.core.policy import Served, Work
from doubletime.core.scheduler import Scheduler
from doubletime.core.step import size_of
from doubletime.core.vocabulary import Fate, Nanoseconds
from doubletime.policies.shared.predictor import StepTime

_SMOOTHING = 0.1


class Meter:
    """Learns from plans and results only, the way a policy does; it never sees the executor's cost."""

    def __init__(self, rows: int) -> None:
        self.tokens = 0  # prompt tokens sent and not computed
        self._squares = 0  # sum of end² - start² over them: twice what `Work.prefill_context` counts
        self._left: dict[int, tuple[int, int]] = {}  # sequence → (computed or cached, tokens to compute up to)
        self._pace = StepTime()
        self._works: dict[int, tuple[Work, Nanoseconds]] = {}  # steps in flight with prefill; planned when
        self._chunk = float(rows)  # prefill tokens in a step while more are queued
        self._free: Nanoseconds = 0  # when the latest result came

    # ---- what happens

    def sent(self, request: Request, cached: int) -> None:
        """A request was sent of which `cached` tokens need no computing."""
        self._move(request.id, cached, request.prompt)

    def plan(self, scheduler: Scheduler, plan: Plan) -> None:
        for victim in plan.preempted:
            seq = scheduler.roster.sequences.get(victim.seq)
            if victim.fate is Fate.RECOMPUTE and seq is not None:
                self._move(seq.id, seq.computed, seq.known)
        if plan.work:
            self._works[plan.step] = (self._work(plan), plan.now)

    def result(self, result: Result) -> None:
        work, _ = self._works.pop(result.step, (None, 0))
        self._free = result.time
        if work is not None and not (result.revoked or result.failed):
            stopped = result.reached is not None
            self._pace.learn(Served(result.time, 1, result.duration, work, (), stopped))

    def ended(self, seq: int) -> None:
        """A sequence has left."""
        self._move(seq, 0, 0)
        self._left.pop(seq, None)

    # ---- what is asked

    def wait(self, tokens: int, start: int, now: Nanoseconds, latest: Plan | None) -> Nanoseconds | None:
        """See `ReplicaView.wait`: steps of the size that they have had lately, and what is left of the running one.

        With each of them go as many decodes as with the `latest` plan.
        """
        if not self._pace.known:
            return None
        whole = self.tokens + tokens
        context = (self._squares + (start + tokens) ** 2 - start**2) / 2
        steps = max(1, -(-whole // max(1, int(self._chunk))))
        work = Work(whole / steps, context / steps)
        if latest is not None:
            work += _decodes(latest)
        return self._running(now) + steps * self._pace.predict(work)

    def _running(self, now: Nanoseconds) -> Nanoseconds:
        """What is left of the oldest step in flight, if it has prefill in it."""
        for work, planned in self._works.values():
            return max(0, max(planned, self._free) + self._pace.predict(work) - now)
        return 0

    # ---- counting

    def _work(self, plan: Plan) -> Work:
        work, tokens = _decodes(plan), 0
        for slab in plan.work:
            work += size_of(slab, False, plan.depth)
            tokens += slab.tokens
            if slab.bottom == plan.depth and slab.seq in self._left:
                self._move(slab.seq, slab.end, self._left[slab.seq][1])
        if self.tokens:
            self._chunk += (tokens - self._chunk) * _SMOOTHING
        return work

    def _move(self, seq: int, position: int, end: int) -> None:
        """A sequence now has `end` - `position` tokens to compute."""
        before, upto = self._left.get(seq, (0, 0))
        position = min(position, end)
        self.tokens += (end - position) - (upto - before)
        self._squares += (end**2 - position**2) - (upto**2 - before**2)
        self._left[seq] = (position, end)


def _decodes(plan: Plan) -> Work:
    return Work(decodes=len(plan.decode_seqs), decode_context=sum(plan.decode_starts))
