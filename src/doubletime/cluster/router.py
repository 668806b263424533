"""Where a request goes: routers see replicas through `ReplicaView`, in rehearsal and before real replicas alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from doubletime.core.events import Request
from doubletime.core.vocabulary import Nanoseconds


class ReplicaView(Protocol):
    """A replica as a router sees it."""

    @property
    def index(self) -> int: ...
    @property
    def outstanding(self) -> int: ...  # requests that were sent there and have not ended


class Router:
    """Base of all routers. Constructor parameters are the knobs; `reference` names the publication."""

    name: ClassVar[str] = ""
    reference: ClassVar[str] = ""

    def place(self, request: Request, replicas: Sequence[ReplicaView], now: Nanoseconds) -> ReplicaView:
        """One of `replicas`, which is not empty."""
        raise LookupError(f"router {type(self).__name__} places nothing")


class RoundRobin(Router):
    """One after another."""

    name = "round-robin"

    def __init__(self) -> None:
        self._next = 0

    def place(self, request: Request, replicas: Sequence[ReplicaView], now: Nanoseconds) -> ReplicaView:
        self._next += 1
        return replicas[(self._next - 1) % len(replicas)]
