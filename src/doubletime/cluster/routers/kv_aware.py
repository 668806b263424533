from __future__ import annotations

from collections.abc import Sequence

from doubletime.cluster.router import Placement, ReplicaView, Router
from doubletime.cluster.routers.least_ttft import estimate
from doubletime.core.events import Request
from doubletime.core.vocabulary import Nanoseconds


class KVAware(Router):
    """Mooncake's Algorithm 1: the earliest predicted first token, where a better prefix may be fetched from its holder.

    Replica i has `m` tokens of the prompt cached, the best has `b`. Where b > `ratio` * m:
    TTFT = fetch of b - m tokens + queue + prefill of what is behind b; elsewhere: queue + prefill of what is behind m.
    The fetched prefix is then cached in both places, which is how hot prefixes spread. The paper does not publish its
    ratio. It rejects a request whose estimate is over its SLO; here nobody is rejected.
    """

    name = "kv-aware"
    reference = "Mooncake, arXiv 2407.00079, Algorithm 1"

    def __init__(self, ratio: float = 1.5) -> None:
        if ratio < 1:
            raise ValueError(f"router kv-aware: ratio is 1 or more, not {ratio}")
        self.ratio = ratio

    def place(self, request: Request, replicas: Sequence[ReplicaView], now: Nanoseconds) -> Placement:
        matches = [replica.match(request) for replica in replicas]
        best = max(matches)
        holder = replicas[matches.index(best)]
        options = [
            self._option(request, replica, cached, holder, best, now)
            for replica, cached in zip(replicas, matches, strict=True)
        ]
        return min(options, key=lambda option: option[0])[1]

    def _option(
        self, request: Request, replica: ReplicaView, cached: int, holder: ReplicaView, best: int, now: Nanoseconds
    ) -> tuple[tuple[Nanoseconds, int], Placement]:
        if replica is holder or best <= self.ratio * cached:
            return estimate(replica, request.prompt, cached, now), Placement(replica)
        wait, outstanding = estimate(replica, request.prompt, best, now)
        fetch = replica.fetch_time(holder, best - cached, now)
        return (fetch + wait, outstanding), Placement(replica, holder, best)
