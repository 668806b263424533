from __future__ import annotations

from collections.abc import Sequence

from doubletime.cluster.router import ReplicaView, Router, least_loaded
from doubletime.core.events import Request
from doubletime.core.vocabulary import Nanoseconds


class PrefixAware(Router):
    """The longest cached prefix among replicas that are not overloaded, if it is worth going for.

    Overloaded is who has more than `guard` times as many outstanding requests as the least loaded, and more than
    `slack` above it. A prefix below `least` of the prompt is not worth it: then the least loaded takes the request
    (SGLang's router decides so, with 0.5, 32 and a ratio of 1.0001).
    """

    name = "prefix-aware"
    reference = "SGLang, arXiv 2312.07104; its router, version 0.4"

    def __init__(self, guard: float = 2.0, slack: int = 4, least: float = 0.1) -> None:
        if guard < 1 or slack < 0 or not 0 <= least <= 1:
            raise ValueError("router prefix-aware: guard is 1 or more, slack 0 or more, least between 0 and 1")
        self.guard = guard
        self.slack = slack
        self.least = least

    def choose(self, request: Request, replicas: Sequence[ReplicaView], now: Nanoseconds) -> ReplicaView:
        lowest = least_loaded(replicas)
        most = max(self.guard * lowest.outstanding, lowest.outstanding + self.slack)
        fit = [(replica, replica.match(request)) for replica in replicas if replica.outstanding <= most]
        best, cached = min(fit, key=lambda pair: (-pair[1], pair[0].outstanding))
        return best if cached > self.least * request.prompt else lowest
