"""Where a request goes: routers see replicas through `ReplicaView`, in rehearsal and before real replicas alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, Protocol

from doubletime.core.events import Request
from doubletime.core.vocabulary import Nanoseconds


class ReplicaView(Protocol):
    """A replica as a router sees it: what its engine reports, and what was learned from its results."""

    @property
    def index(self) -> int: ...
    @property
    def outstanding(self) -> int: ...  # requests that were sent there and have not ended
    @property
    def queued_tokens(self) -> int: ...  # prompt tokens that were sent there and are still to be computed
    @property
    def running(self) -> int: ...  # sequences that have a seat
    @property
    def free_blocks(self) -> int: ...  # KV blocks that are free or cached

    def match(self, request: Request) -> int:
        """Leading tokens of the prompt whose KV is cached there."""
        ...

    def wait(self, tokens: int, start: int, now: Nanoseconds) -> Nanoseconds | None:
        """How long until it will have computed what it has queued and `tokens` more from position `start` on.

        Predicted from the results so far; None while there are too few of them.
        """
        ...

    def fetch_time(self, source: ReplicaView, tokens: int, now: Nanoseconds) -> Nanoseconds:
        """How long it takes to copy the KV of so many tokens from another replica."""
        ...


class Placement(NamedTuple):
    """`tokens` > 0: the KV of the first `tokens` tokens is copied from `source` before the request runs."""

    replica: ReplicaView
    source: ReplicaView | None = None
    tokens: int = 0


class Router:
    """Base of all routers. Constructor parameters are the knobs; `reference` names the publication.

    `looks`: it asks for more than `index` and `outstanding`, which are always at hand.
    """

    name: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    looks: ClassVar[bool] = True

    def place(self, request: Request, replicas: Sequence[ReplicaView], now: Nanoseconds) -> Placement:
        """`replicas` is not empty, and in the order of their index."""
        return Placement(self.choose(request, replicas, now))

    def choose(self, request: Request, replicas: Sequence[ReplicaView], now: Nanoseconds) -> ReplicaView:
        """One of `replicas`. What a router that fetches nothing defines."""
        raise LookupError(f"router {type(self).__name__} places nothing")


def least_loaded(replicas: Sequence[ReplicaView]) -> ReplicaView:
    """The one with the fewest outstanding requests; the first of several."""
    return min(replicas, key=lambda replica: replica.outstanding)
