from __future__ import annotations

from collections.abc import Sequence

from doubletime.cluster.router import ReplicaView, Router
from doubletime.core.events import Request
from doubletime.core.vocabulary import Nanoseconds


class RoundRobin(Router):
    """One after another."""

    name = "round-robin"
    looks = False

    def __init__(self) -> None:
        self._next = 0

    def choose(self, request: Request, replicas: Sequence[ReplicaView], now: Nanoseconds) -> ReplicaView:
        self._next += 1
        return replicas[(self._next - 1) % len(replicas)]
