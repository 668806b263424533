"""Those who wait their turn: one reason for all of them, so that a step costs the same however many they are."""

from __future__ import annotations

from doubletime.core.vocabulary import Nanoseconds
from doubletime.engine.monitor.clock import ReasonClock
from doubletime.engine.monitor.reasons import POLICY, Queueing

Times = tuple[Nanoseconds, ...]


class Line:
    """`size` sequences wait for `queueing.reason`. Who joins notes `times`, and subtracts it from that at leaving."""

    def __init__(self, clock: ReasonClock) -> None:
        self.size = 0
        self.queueing = Queueing(POLICY)
        self._clock = clock
        self._one = ReasonClock()  # of somebody who has always stood in the line
        self._one.change(POLICY, +1, 0)
        self._times: tuple[Nanoseconds, Times] = (0, self._one.spent(0))  # the last that were asked for, and when

    def turn(self, queueing: Queueing, now: Nanoseconds) -> None:
        """From now on everybody in the line waits for this."""
        old, new = self.queueing.reason, queueing.reason
        self.queueing = queueing
        if old == new:
            return
        for clock, count in ((self._clock, self.size), (self._one, 1)):
            clock.change(old, -count, now)
            clock.change(new, +count, now)

    def resize(self, by: int, now: Nanoseconds) -> None:
        """Somebody joins or leaves."""
        self.size += by
        self._clock.change(self.queueing.reason, by, now)

    def times(self, now: Nanoseconds) -> Times:
        """The time by reason that somebody who had always stood in the line would have waited."""
        if self._times[0] != now:
            self._times = (now, self._one.spent(now))
        return self._times[1]
