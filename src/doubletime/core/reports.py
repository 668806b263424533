"""What policies learn of steps that have ended: one report a step, or one for a run of equal steps."""

from __future__ import annotations

from dataclasses import replace

from doubletime.core.events import Result
from doubletime.core.flight import Flight
from doubletime.core.policy import Served, Work
from doubletime.core.sequence import Sequence
from doubletime.core.stack import Stack
from doubletime.core.vocabulary import Nanoseconds


class Reports:
    """Adds up the steps of a steady run and reports them together, before the policy is asked to plan again."""

    def __init__(self, stack: Stack, depth: int) -> None:
        self._stack = stack
        self._depth = depth
        self._steps = 0
        self._duration: Nanoseconds = 0
        self._work = Work()
        self._sampled: tuple[Sequence, ...] = ()

    def ended(self, flight: Flight, result: Result, now: Nanoseconds, *, more: bool) -> None:
        """A step ran. `more`: the next one is promised to be the same."""
        if not self._stack.listens:
            return
        self._steps += 1
        self._duration += result.duration
        self._work += flight.work
        self._sampled = _sampling(flight)
        if not more:
            self.flush(now, result.reached)

    def leapt(self, flight: Flight, rounds: int, duration: Nanoseconds) -> None:
        """`rounds` steps ran, `flight` the first of them, each as the last one but a token further."""
        if not self._stack.listens:
            return
        decodes, context = flight.work.decodes, flight.work.decode_context
        self._steps += rounds
        self._duration += duration
        self._work += Work(
            decodes=rounds * decodes, decode_context=rounds * context + decodes * (rounds * (rounds - 1) // 2)
        )
        self._sampled = _sampling(flight)

    def flush(self, now: Nanoseconds, reached: int | None = None) -> None:
        """Reports what has been added up."""
        steps, duration, work, sampled = self._steps, self._duration, self._work, self._sampled
        self._steps, self._duration, self._work, self._sampled = 0, 0, Work(), ()
        if not steps:
            return
        stopped = reached is not None
        if reached is not None:
            share = reached / self._depth
            work = replace(
                work, prefill_tokens=work.prefill_tokens * share, prefill_context=work.prefill_context * share
            )
        self._stack.served(Served(now, steps, duration, work, () if stopped else sampled, stopped))


def _sampling(flight: Flight) -> tuple[Sequence, ...]:
    return flight.decodes + tuple(seq for seq, slab in flight.slabs if slab.samples)
