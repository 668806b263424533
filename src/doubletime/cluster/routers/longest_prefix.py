from __future__ import annotations

from collections.abc import Sequence

from doubletime.cluster.router import ReplicaView, Router
from doubletime.core.events import Request
from doubletime.core.vocabulary import Nanoseconds


class LongestPrefix(Router):
    """The longest cached prefix, then the fewest outstanding requests. Naive: a prefix that all requests share sends
    all of them to one replica. Here to show it; `prefix-aware` is the one to use.
    """

    name = "longest-prefix"

    def choose(self, request: Request, replicas: Sequence[ReplicaView], now: Nanoseconds) -> ReplicaView:
        return min(replicas, key=lambda replica: (-replica.match(request), replica.outstanding))
