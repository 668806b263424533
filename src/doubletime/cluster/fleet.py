"""Replicas behind a router in virtual time: who they are, what they do for whom, and what befalls them."""

from __future__ import annotations

from collections.abc import Sequence as Row
from dataclasses import dataclass
from typing import Protocol

from doubletime.cluster.course import Course
from doubletime.cluster.crew import Crew, Plant
from doubletime.cluster.dispatcher import Client, Dispatcher
from doubletime.cluster.handoff import Handoff
from doubletime.cluster.replica import Replica, Role
from doubletime.cluster.router import Router
from doubletime.cluster.scaling import Load, Patience, Scaler
from doubletime.cluster.timeline import Timeline
from doubletime.cluster.wire import Wire
from doubletime.core.events import Request
from doubletime.core.vocabulary import SECOND, Nanoseconds

_TICK = SECOND  # how often a scaler is asked


class Traffic(Client, Protocol):
    """Who asks."""

    def next_arrival(self) -> Nanoseconds | None:
        """When the next request comes; None: not before some other request ends, or never."""
        ...

    def take(self, now: Nanoseconds) -> list[Request]:
        """The requests that come by `now`."""
        ...


@dataclass(frozen=True, slots=True)
class Failure:
    """The replica at a place dies, and another takes its place `back` after that; None: nobody does."""

    index: int
    at: Nanoseconds
    back: Nanoseconds | None = None


class Fleet:
    """At the same time arrivals come first, then what the fleet does itself, then replicas in the order of their index.

    `roles`: of the replicas there are at first. Where some only prefill, KV goes over the `wire` to those that decode;
    `handoff`: see `Handoff`. `load`: how long a replica takes to start later on.
    """

    def __init__(
        self,
        plant: Plant,
        router: Router,
        traffic: Traffic,
        roles: Row[Role],
        *,
        wire: Wire | None = None,
        handoff: int = 0,
        scaler: Scaler | None = None,
        load: Nanoseconds = 0,
        failures: Row[Failure] = (),
    ) -> None:
        self.line = Timeline()
        self._traffic = traffic
        self._load = load
        self._dispatcher = Dispatcher(self.line, router, traffic, self._takers, self._handed, wire)
        self.crew = Crew(plant, self.line, self._dispatcher)
        self._handoff = self._make_handoff(roles, wire, handoff)
        for role in roles:
            self.crew.start(role)
        self._dispatcher.left = self._left
        self.crew.joined = self._joined
        self._roles = tuple(roles)
        for failure in failures:
            self.line.at(failure.at, lambda failure=failure: self._fail(failure))  # type: ignore[misc]
        if scaler is not None:
            self._patience, self._scaler_load = Patience(scaler), round(scaler.load * SECOND) or load
            self.line.at(_TICK, self._scale)

    def run(self) -> None:
        while self.turn():
            pass

    def turn(self) -> bool:
        """Does the one thing that happens next. False when nothing will."""
        arrival, due = self._traffic.next_arrival(), self.line.due
        limit = due if arrival is None else arrival if due is None else min(arrival, due)
        if self.line.turn_before(limit):
            return True
        if arrival is not None and arrival == limit:
            self.line.now = max(self.line.now, arrival)
            self._dispatcher.arrive(self._traffic.take(self.line.now))
        elif limit is not None:
            self.line.act()
        else:
            return self._dispatcher.give_up(self._handoff.give_up() if self._handoff else ())
        return True

    # ---- who takes what

    def _make_handoff(self, roles: Row[Role], wire: Wire | None, most: int) -> Handoff | None:
        if Role.PREFILL not in roles:
            return None
        if wire is None or Role.DECODE not in roles or Role.BOTH in roles:
            raise ValueError("replicas that only prefill need others that only decode, and a wire to them")
        decoders = self.crew.by_role[Role.DECODE]
        return Handoff(self.line, wire, most, lambda: decoders, self._dispatcher.resume, self._dispatcher.place)

    def _takers(self) -> list[Replica]:
        if self._handoff is None:
            return self.crew.by_role[Role.BOTH]
        return [replica for replica in self.crew.by_role[Role.PREFILL] if self._handoff.open(replica)]

    def _handed(self, course: Course) -> None:
        assert self._handoff is not None
        self._handoff.take(course)

    def _joined(self) -> None:
        self._dispatcher.place()
        if self._handoff is not None:
            self._handoff.pump()

    def _left(self, replica: Replica) -> None:
        if self._handoff is not None and replica.role is Role.DECODE:
            self._handoff.pump()
        elif self.crew.draining:
            self.crew.released(self.crew.member(replica))

    # ---- what befalls them

    def _fail(self, failure: Failure) -> None:
        member = self.crew.lose(failure.index)
        if member is not None and member.replica is not None:
            self._lost(member.replica)
        if failure.back is not None and (member is not None or failure.index < len(self._roles)):
            role = self._roles[failure.index] if member is None else member.role
            self.line.at(self.line.now + failure.back, lambda: self.crew.start(role, 0, failure.index))

    def _lost(self, replica: Replica) -> None:
        courses = self._dispatcher.lost(replica)
        if self._handoff is not None:
            courses += self._handoff.lost(replica)
            self._handoff.pump()
        self._dispatcher.again(courses)

    def _scale(self) -> None:
        change = self._patience.change(self._measure(), self.line.now)
        for _ in range(change):
            if not self.crew.undrain():
                self.crew.start(Role.BOTH, self._scaler_load)
        for _ in range(-change):
            self.crew.drain()
        if self._dispatcher.outstanding or self._traffic.next_arrival() is not None:
            self.line.at(self.line.now + _TICK, self._scale)

    def _measure(self) -> Load:
        replicas = self.crew.by_role[Role.BOTH]
        oldest = self._dispatcher.oldest
        return Load(
            replicas=self.crew.active,
            idle=sum(not replica.outstanding for replica in replicas),
            outstanding=self._dispatcher.outstanding,
            oldest=0.0 if oldest is None else (self.line.now - oldest) / SECOND,
        )
