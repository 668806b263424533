"""Rates over the last seconds, from sums over short slots of time."""

from __future__ import annotations

from collections import deque

from doubletime.core.vocabulary import SECOND, Nanoseconds

SLOT: Nanoseconds = SECOND // 2
SLOTS = 10


class Window:
    """Sums of the last SLOTS slots, the current one included."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._slots: deque[tuple[int, list[float]]] = deque(maxlen=SLOTS)

    def add(self, column: int, amount: float, now: Nanoseconds) -> None:
        """Constant time; times never go back."""
        slot = now // SLOT
        if not self._slots or self._slots[-1][0] != slot:
            self._slots.append((slot, [0.0] * self._columns))
        self._slots[-1][1][column] += amount

    def rates(self, now: Nanoseconds) -> list[float]:
        """Per second. Where less time has passed than the window is long, over that time."""
        first = now // SLOT - SLOTS + 1
        sums = [0.0] * self._columns
        for slot, amounts in self._slots:
            if slot >= first:
                sums = [total + amount for total, amount in zip(sums, amounts, strict=True)]
        began = max(0, first) * SLOT
        seconds = max((now - began) / SECOND, SLOT / SECOND)
        return [total / seconds for total in sums]
