"""One sequence's waiting: what it waits for now, and how long it has waited for each reason."""

from __future__ import annotations

from doubletime.core.vocabulary import Nanoseconds
from doubletime.engine.monitor.clock import ReasonClock
from doubletime.engine.monitor.line import Line, Times
from doubletime.engine.monitor.reasons import REASONS, Reason

SERVED, IN_LINE = -1, -2
"""States beside the reasons: a step computes it; it stands in the line and shares its reason."""


class Waiter:
    """Moves between being served, standing in the line, and waiting for a reason of its own."""

    __slots__ = ("_from", "_since", "_spent", "note", "state")

    def __init__(self) -> None:
        self.state: Reason = SERVED
        self.note = ""
        self._since: Nanoseconds = 0
        self._from: Times = ()  # the line's times when it joined
        self._spent = [0] * len(REASONS)

    def move(self, state: Reason, line: Line, clock: ReasonClock, now: Nanoseconds) -> None:
        """From now on it is in another state."""
        if state == self.state:
            return
        self._leave(line, clock, now)
        self.state = state
        self._since = now
        if state == IN_LINE:
            line.resize(+1, now)
            self._from = line.times(now)
        elif state != SERVED:
            clock.change(state, +1, now)

    def spent(self, line: Line, now: Nanoseconds) -> list[Nanoseconds]:
        """The time waited until now, by reason."""
        spent = list(self._spent)
        if self.state == IN_LINE:
            spent = [sum(times) for times in zip(spent, self._in_line(line, now), strict=True)]
        elif self.state != SERVED:
            spent[self.state] += now - self._since
        return spent

    def _leave(self, line: Line, clock: ReasonClock, now: Nanoseconds) -> None:
        if self.state == IN_LINE:
            self._spent = self.spent(line, now)
            line.resize(-1, now)
        elif self.state != SERVED:
            self._spent[self.state] += now - self._since
            clock.change(self.state, -1, now)

    def _in_line(self, line: Line, now: Nanoseconds) -> list[Nanoseconds]:
        return [after - before for after, before in zip(line.times(now), self._from, strict=True)]
