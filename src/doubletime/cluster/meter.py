"""What a router may know of a replica: how many prompt tokens are queued, and how fast they have gone so far."""

from __future__ import annotations

import math
from typing import NamedTuple

from doubletime.cluster.pace import Pace
from doubletime.core.events import Request, Result
from doubletime.core.plan import Plan
from doubletime.core.policy import Work
from doubletime.core.scheduler import Scheduler
from doubletime.core.step import size_of
from doubletime.core.vocabulary import SECOND, Fate, Nanoseconds

_SMOOTHING = 0.1
_MEMORY: Nanoseconds = 20 * SECOND


class _Left(NamedTuple):
    """Of a sequence: computed or cached up to `position`, to be computed up to `end`, KV memory taken up to `held`."""

    position: int
    end: int
    held: int


class Decaying:
    """A sum that forgets: after `memory` what was added counts for 1/e."""

    def __init__(self, memory: Nanoseconds) -> None:
        self._memory = memory
        self._sum = 0.0
        self._at: Nanoseconds = 0

    def add(self, amount: float, now: Nanoseconds) -> None:
        self._sum = self._left(now) + amount
        self._at = now

    def time(self, amount: float, now: Nanoseconds) -> Nanoseconds:
        """How long `amount` takes at the rate of late; 0 while nothing at all has come."""
        left = self._left(now)
        return int(amount / left * self._memory) if left > 0 and amount > 0 else 0

    def _left(self, now: Nanoseconds) -> float:
        return self._sum * math.exp((self._at - now) / self._memory)


class Meter:
    """Learns from plans and results only, the way a policy does; it never sees the executor's cost."""

    def __init__(self, rows: int) -> None:
        self.tokens = 0  # prompt tokens sent and not computed
        self.homeless = 0  # tokens sent for which no KV memory is taken yet
        self._squares = 0  # sum of end² - start² over them: twice what `Work.prefill_context` counts
        self._left: dict[int, _Left] = {}
        self._pace = Pace()
        self._works: dict[int, tuple[Work, Nanoseconds]] = {}  # steps in flight with prefill; planned when
        self._chunk = float(rows)  # prefill tokens in a step while more are queued
        self._free: Nanoseconds = 0  # when the latest result came
        self._released = Decaying(_MEMORY)  # tokens of KV that sequences gave back when they ended

    # ---- what happens

    def sent(self, request: Request, cached: int) -> None:
        """A request was sent of which `cached` tokens need no computing."""
        self._move(request.id, _Left(cached, request.prompt, 0))

    def plan(self, scheduler: Scheduler, plan: Plan) -> None:
        for victim in plan.preempted:
            seq = scheduler.roster.sequences.get(victim.seq)
            if victim.fate is Fate.RECOMPUTE and seq is not None:
                self._move(seq.id, _Left(seq.computed, seq.known, 0))
        if plan.work:
            self._works[plan.step] = (self._work(plan), plan.now)

    def result(self, result: Result) -> None:
        work, _ = self._works.pop(result.step, (None, 0))
        self._free = result.time
        if work is not None and result.reached is None and not (result.revoked or result.failed):
            self._pace.learn(work, result.duration)

    def ended(self, seq: int, tokens: int, now: Nanoseconds) -> None:
        """A sequence has left, with so many tokens."""
        self._move(seq, _Left(0, 0, 0))
        del self._left[seq]
        self._released.add(tokens, now)

    # ---- what is asked

    def wait(self, tokens: int, start: int, now: Nanoseconds, latest: Plan | None, free: int) -> Nanoseconds | None:
        """See `ReplicaView.wait`: for computing and for memory, whichever takes longer.

        Computing goes on in steps of the size that they have had lately, with as many decodes as in the `latest` plan.
        There is KV memory for `free` tokens; more comes as fast as it has come lately.
        """
        if not self._pace.known:
            return None
        whole = self.tokens + tokens
        context = (self._squares + (start + tokens) ** 2 - start**2) / 2
        steps = max(1, -(-whole // max(1, int(self._chunk))))
        work = Work(whole / steps, context / steps)
        if latest is not None:
            work += _decodes(latest)
        computing = self._running(now) + steps * self._pace.predict(work)
        short = self.homeless + start + tokens - free
        return max(computing, self._released.time(short, now))

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
                self._move(slab.seq, _Left(slab.end, self._left[slab.seq].end, slab.end))
        if self.tokens:
            self._chunk += (tokens - self._chunk) * _SMOOTHING
        return work

    def _move(self, seq: int, new: _Left) -> None:
        old = self._left.get(seq, _Left(0, 0, 0))
        position = min(new.position, new.end)
        self.tokens += (new.end - position) - (old.end - old.position)
        self.homeless += max(0, new.end - new.held) - max(0, old.end - old.held)
        self._squares += (new.end**2 - position**2) - (old.end**2 - old.position**2)
        self._left[seq] = _Left(position, new.end, new.held)


def _decodes(plan: Plan) -> Work:
    return Work(decodes=len(plan.decode_seqs), decode_context=sum(plan.decode_starts))
