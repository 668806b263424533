from __future__ import annotations

from collections.abc import Sequence

from doubletime.cluster.router import ReplicaView, Router, least_loaded
from doubletime.core.events import Request
from doubletime.core.vocabulary import Nanoseconds


class LeastOutstanding(Router):
    """The fewest requests that have not ended. Counts a long prompt like a short one."""

    name = "least-outstanding"
    looks = False

    def choose(self, request: Request, replicas: Sequence[ReplicaView], now: Nanoseconds) -> ReplicaView:
        return least_loaded(replicas)
