from __future__ import annotations

from collections.abc import Sequence

from doubletime.cluster.router import ReplicaView, Router
from doubletime.core.events import Request
from doubletime.core.vocabulary import Nanoseconds

_MOST = 1 << 24
"""Keys that are remembered (SGLang's router prunes its tree at as many)."""


class LongestPrefix(Router):
    """The longest prefix that was sent there before, then the fewest outstanding requests.

    Naive, and here to show it: what all requests share (a system prompt, a first block) sends all of them to the
    replica that got the first, and nothing ever sends one elsewhere. It keeps an index of its own of what it has sent,
    as routers do that replicas tell nothing. `prefix-aware` is the one to use.
    """

    name = "longest-prefix"
    looks = False

    def __init__(self) -> None:
        self._sent: dict[int, int] = {}  # key → the replicas that it was sent to, a bit each

    def choose(self, request: Request, replicas: Sequence[ReplicaView], now: Nanoseconds) -> ReplicaView:
        spans = self._spans(request)
        best = min(replicas, key=lambda replica: (-spans.get(replica.index, 0), replica.outstanding))
        self._remember(request, best.index)
        return best

    def _spans(self, request: Request) -> dict[int, int]:
        """How many leading keys each replica got before; those without any are left out."""
        spans: dict[int, int] = {}
        have, count = -1, 0
        for count, key in enumerate(request.keys):
            left = have & self._sent.get(key, 0)
            if count:
                spans |= dict.fromkeys(_bits(have & ~left), count)
            have = left
            if not have:
                return spans
        return spans | dict.fromkeys(_bits(have), count + 1) if request.keys else spans

    def _remember(self, request: Request, index: int) -> None:
        for key in request.keys:
            self._sent[key] = self._sent.pop(key, 0) | 1 << index
        while len(self._sent) > _MOST:
            del self._sent[next(iter(self._sent))]


def _bits(mask: int) -> list[int]:
    """The numbers of the bits that are set."""
    return [bit for bit in range(mask.bit_length()) if mask >> bit & 1]
