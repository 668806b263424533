"""Replicas behind a router in virtual time: one order of everything that happens anywhere."""

from __future__ import annotations

from collections.abc import Sequence as Row
from typing import Protocol

from doubletime.cluster.replica import Replica
from doubletime.cluster.router import Router
from doubletime.core.events import Arrive, Request
from doubletime.core.vocabulary import Nanoseconds


class Traffic(Protocol):
    """Who asks. It hears of ends through the replicas' owner."""

    def next_arrival(self) -> Nanoseconds | None:
        """When the next request comes; None: not before some other request ends, or never."""
        ...

    def take(self, now: Nanoseconds) -> list[Request]:
        """The requests that come by `now`."""
        ...


class Fleet:
    """At the same time arrivals come before what replicas do, and replicas in the order of their index."""

    def __init__(self, replicas: Row[Replica], router: Router, traffic: Traffic) -> None:
        self.replicas = list(replicas)
        self.router = router
        self.traffic = traffic
        self.now: Nanoseconds = 0

    def run(self) -> None:
        while self.turn():
            pass

    def turn(self) -> bool:
        """Does the one thing that happens next. False when nothing will."""
        arrival = self.traffic.next_arrival()
        first, time = self._earliest(arrival)
        if arrival is not None and (time is None or arrival <= time):
            self.now = max(self.now, arrival)
            self._arrive()
        elif first is None or time is None:
            return False
        else:
            self.now = max(self.now, time)
            first.advance(time)
        return True

    def _earliest(self, until: Nanoseconds | None) -> tuple[Replica | None, Nanoseconds | None]:
        first, earliest = None, None
        for replica in self.replicas:
            time = replica.next_time(until)
            if time is not None and (earliest is None or time < earliest):
                first, earliest = replica, time
        return first, earliest

    def _arrive(self) -> None:
        for request in self.traffic.take(self.now):
            index = self.router.place(request, self.replicas, self.now).index
            replica = self.replicas[index]
            replica.catch_up(self.now)
            replica.send(Arrive(self.now, request))
