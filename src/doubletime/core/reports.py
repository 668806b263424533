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
    """Collects steps of a steady run and reports them together, before the policy is asked to plan again."""

    def __init__(self, stack: Stack, depth: int) -> None:
        self._stack = stack
        self._depth = depth
        self._flights: list[Flight] = []
        self._duration: Nanoseconds = 0

    def ended(self, flight: Flight, result: Result, now: Nanoseconds, *, more: bool) -> None:
        """A step ran. `more`: the next one is promised to be the same."""
        if not self._stack.listens:
            return
        self._flights.append(flight)
        self._duration += result.duration
        if not more:
            self.flush(now, result.reached)

    def flush(self, now: Nanoseconds, reached: int | None = None) -> None:
        """Reports what has been collected."""
        flights, self._flights = self._flights, []
        duration, self._duration = self._duration, 0
        if not flights:
            return
        stopped = reached is not None
        work = sum((flight.work for flight in flights), Work())
        if reached is not None:
            share = reached / self._depth
            work = replace(
                work, prefill_tokens=work.prefill_tokens * share, prefill_context=work.prefill_context * share
            )
        sampled = () if stopped else _sampling(flights[-1])
        self._stack.served(Served(now, len(flights), duration, work, sampled, stopped))


def _sampling(flight: Flight) -> tuple[Sequence, ...]:
    return flight.decodes + tuple(seq for seq, slab in flight.slabs if slab.samples)
