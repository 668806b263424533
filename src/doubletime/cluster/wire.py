"""KV on its way between replicas: transfers on one link wait for each other."""

from __future__ import annotations

from collections.abc import Callable

from doubletime.core.vocabulary import Nanoseconds
from doubletime.hardware.links import Link


class Wire:
    """Each replica has one way out and one way in, both full duplex. `size`: bytes of so many tokens that go over one
    device's link; `link`: between two replicas, by index.
    """

    def __init__(self, size: Callable[[int], int], link: Callable[[int, int], Link]) -> None:
        self.size = size
        self._link = link
        self._out: dict[int, Nanoseconds] = {}  # replica → when its way out is free
        self._in: dict[int, Nanoseconds] = {}

    def arrives(self, source: int, target: int, tokens: int, now: Nanoseconds) -> Nanoseconds:
        """When a transfer that is asked for now would be over."""
        begins = max(now, self._out.get(source, 0), self._in.get(target, 0))
        return begins + self._link(source, target).time(self.size(tokens))

    def send(self, source: int, target: int, tokens: int, now: Nanoseconds) -> Nanoseconds:
        """Starts a transfer behind those under way; when it is over."""
        ends = self.arrives(source, target, tokens, now)
        self._out[source] = self._in[target] = ends
        return ends
