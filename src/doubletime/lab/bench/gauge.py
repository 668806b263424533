"""What a run shows of itself while it lasts."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import Protocol

from doubletime.core.vocabulary import SECOND, Nanoseconds

TICK = SECOND // 2  # between two looks
_WINDOW = 10  # ticks that a rate is taken over
_FIRSTS = 999  # latest first tokens that the median is of


class Screen(Protocol):
    """Where progress is shown."""

    def advance(self) -> object:
        """A request has ended."""
        ...

    def say(self, text: str) -> object:
        """How the run is going."""
        ...


class Dark:
    """Shows nothing."""

    def advance(self) -> None: ...

    def say(self, text: str) -> None: ...


class Gauge:
    """Counts tokens and first tokens, and puts them in a line from time to time."""

    def __init__(self, screen: Screen, now: Nanoseconds) -> None:
        self._screen = screen
        self._tokens = 0
        self._firsts: deque[Nanoseconds] = deque(maxlen=_FIRSTS)
        self._marks = deque([(now, 0)], maxlen=_WINDOW)
        self._next = now + TICK

    def tokens(self, count: int) -> None:
        self._tokens += count

    def first(self, ttft: Nanoseconds) -> None:
        self._firsts.append(ttft)

    def ended(self) -> None:
        self._screen.advance()

    def look(self, now: Nanoseconds, in_flight: int) -> None:
        """Shows where the run is, if the last look is long enough ago."""
        if now < self._next:
            return
        self._next = now + TICK
        since, before = self._marks[0]
        self._marks.append((now, self._tokens))
        speed = (self._tokens - before) * SECOND / (now - since)
        ttft = f" · TTFT p50 {median(self._firsts) / SECOND:.3f} s" if self._firsts else ""
        self._screen.say(f"{speed:,.0f} tokens/s · {in_flight} in flight{ttft}")
