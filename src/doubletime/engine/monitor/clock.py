"""How many wait for each reason and how long they do, together: changed in constant time, summed when asked."""

from __future__ import annotations

from doubletime.core.vocabulary import Nanoseconds
from doubletime.engine.monitor.reasons import REASONS, Reason


class ReasonClock:
    """Per reason a count, and its integral over time in nanoseconds."""

    def __init__(self) -> None:
        self.counts = [0] * len(REASONS)
        self._spent = [0] * len(REASONS)
        self._since = [0] * len(REASONS)

    def change(self, reason: Reason, by: int, now: Nanoseconds) -> None:
        """So many more (or fewer) wait for a reason from now on."""
        self._spent[reason] += self.counts[reason] * (now - self._since[reason])
        self._since[reason] = now
        self.counts[reason] += by

    def spent(self, now: Nanoseconds) -> tuple[Nanoseconds, ...]:
        """The time spent waiting until now, by reason, summed over all who waited."""
        rows = zip(self._spent, self.counts, self._since, strict=True)
        return tuple(spent + count * (now - since) for spent, count, since in rows)
