from __future__ import annotations

from collections.abc import Sequence

from doubletime.cluster.router import ReplicaView, Router
from doubletime.core.events import Request
from doubletime.core.vocabulary import Nanoseconds


class LeastTTFT(Router):
    """The earliest predicted first token: the queue's prompt tokens and those of this prompt that are not cached.

    Mooncake's estimate (Algorithm 1) without its transfers. Until speeds are known, by the tokens themselves.
    """

    name = "least-ttft"
    reference = "Mooncake, arXiv 2407.00079, section 6.1"

    def choose(self, request: Request, replicas: Sequence[ReplicaView], now: Nanoseconds) -> ReplicaView:
        return min(replicas, key=lambda replica: estimate(replica, request.prompt, replica.match(request), now))


def estimate(replica: ReplicaView, prompt: int, cached: int, now: Nanoseconds) -> tuple[Nanoseconds, int]:
    """Sorts replicas by when they would have computed a prompt of which `cached` tokens are there."""
    rest = prompt - cached
    wait = replica.wait(rest, cached, now)
    tokens = replica.queued_tokens + rest
    return (tokens * _UNKNOWN if wait is None else wait, replica.outstanding)


_UNKNOWN: Nanoseconds = 100_000
"""Time of a prompt token while nothing is known: that of an 8B model on a device of today, about."""
