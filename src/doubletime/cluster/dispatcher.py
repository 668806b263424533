"""Sends requests to replicas, follows them from one to the next, and tells their owner what became of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import chain, count
from typing import Protocol

from doubletime.cluster.course import Course, Leg
from doubletime.cluster.replica import Replica, Role
from doubletime.cluster.router import Placement, Router
from doubletime.cluster.timeline import Timeline
from doubletime.cluster.wire import Wire
from doubletime.core.events import Arrive, Cancel, Ready, Request
from doubletime.core.sequence import Sequence
from doubletime.core.vocabulary import Finish, Nanoseconds

_CONTINUED = 1 << 40
"""Ids from here on are those of requests that have been on another replica before."""


class Client(Protocol):
    """Who asked. A course that has ended is never heard of again."""

    def ended(self, course: Course, finish: Finish, now: Nanoseconds) -> None: ...

    def refused(self, course: Course, reason: str, now: Nanoseconds) -> None:
        """It can never run."""
        ...

    def resumed(self, request: int, lost: int) -> None:
        """A request comes that an engine has served before, and `lost` tokens of its KV are to be computed again."""
        ...


class Dispatcher:
    """The owner of every replica. `takers`: who may get new requests now; `handed`: takes a course whose prefill is
    done on a replica that does no more than that.
    """

    def __init__(
        self,
        line: Timeline,
        router: Router,
        client: Client,
        takers: Callable[[], list[Replica]],
        handed: Callable[[Course], object],
        wire: Wire | None = None,
    ) -> None:
        self.waiting: deque[Course] = deque()  # no replica takes them now
        self.left: Callable[[Replica], object] = lambda replica: None  # a request has left a replica
        self._line = line
        self._router = router
        self._client = client
        self._takers = takers
        self._handed = handed
        self._wire = wire
        self._courses: dict[int, Course] = {}  # on a replica, by the id that they have there
        self._fetches: dict[int, Replica] = {}  # those that wait for KV, and from where
        self._ids = count(_CONTINUED)

    @property
    def courses(self) -> Iterable[Course]:
        """All that are on a replica."""
        return self._courses.values()

    @property
    def outstanding(self) -> int:
        """Requests that are on a replica or wait for one."""
        return len(self._courses) + len(self.waiting)

    @property
    def oldest(self) -> Nanoseconds | None:
        """When the request came that has waited longest to run at all."""
        courses = chain(self._courses.values(), self.waiting)
        return min((course.arrived for course in courses if not course.started), default=None)

    # ---- placing

    def arrive(self, requests: Iterable[Request]) -> None:
        self.again(Course(request, self._line.now) for request in requests)

    def again(self, courses: Iterable[Course]) -> None:
        """These need a replica for what is left of them."""
        self.waiting.extend(courses)
        self.place()

    def place(self) -> None:
        """Places who waits, in their order, as long as anybody takes them."""
        while self.waiting and (takers := self._takers()):
            if self._router.looks:
                for replica in takers:
                    self._line.catch_up(replica)
            course = self.waiting.popleft()
            request = course.rest(next(self._ids))
            if takers[0].role is Role.PREFILL:
                request = replace(request, limit=1)
            self._send(course, request, self._router.place(request, takers, self._line.now), takers)

    def give_up(self, others: Iterable[Course]) -> bool:
        """Nothing will happen any more: who still waits, here or elsewhere, is refused. False if nobody does."""
        gone = [*self.waiting, *others]
        self.waiting.clear()
        for course in gone:
            self._client.refused(course, "no replica is left", self._line.now)
        return bool(gone)

    def _send(self, course: Course, request: Request, placement: Placement, takers: list[Replica]) -> None:
        by_index = {replica.index: replica for replica in takers}
        target = by_index[placement.replica.index]
        if placement.source is not None and placement.tokens:
            assert self._wire is not None
            source, fetched = placement.source.index, placement.tokens - target.match(request)
            over = self._wire.send(source, target.index, fetched, self._line.now)
            request = replace(request, preloaded=placement.tokens, ready=False)
            self._fetches[request.id] = by_index[source]
            self._line.at(over, lambda: self._fetched(request.id))
        self.send(course, request, target)

    def send(self, course: Course, request: Request, target: Replica) -> None:
        """Puts a course on a replica."""
        if course.legs:
            self._client.resumed(request.id, course.lost)
        course.lost = 0
        course.legs.append(Leg(request.id, target))
        self._courses[request.id] = course
        self._line.catch_up(target)
        target.send(Arrive(self._line.now, request))

    def resume(self, course: Course, target: Replica, tokens: int) -> None:
        """Puts what is left of a course on a replica that has been given the KV of so many tokens."""
        self.send(course, replace(course.rest(next(self._ids)), preloaded=tokens), target)

    def _fetched(self, request: int) -> None:
        if self._fetches.pop(request, None) is not None:
            target = self._courses[request].leg.replica
            self._line.catch_up(target)
            target.post(Ready(self._line.now, request))

    # ---- what replicas tell

    def ended(self, replica: Replica, seq: Sequence) -> None:
        course = self._courses.pop(seq.request.id, None)
        if course is None:
            return  # it goes on elsewhere
        self._fetches.pop(seq.request.id, None)
        course.end_leg(seq)
        if replica.role is Role.PREFILL and seq.finish is Finish.LENGTH and course.left:
            self._handed(course)
        else:
            assert seq.finish is not None
            self._client.ended(course, seq.finish, self._line.now)
        self.left(replica)

    def refused(self, replica: Replica, request: int, reason: str) -> None:
        self._client.refused(self._courses.pop(request), reason, self._line.now)
        self.left(replica)

    # ---- failures

    def lost(self, replica: Replica) -> list[Course]:
        """Takes the courses back that were on a replica, or wait for KV that it had. They keep their tokens."""
        roster = replica.scheduler.roster
        gone = [course for course in self._courses.values() if course.leg.replica is replica]
        for course in gone:
            seq = roster.sequences.get(course.leg.id)
            self._take(course)
            if seq is not None:
                course.end_leg(seq)
                course.lost = seq.done
        for request in [request for request, source in self._fetches.items() if source is replica]:
            course = self._courses[request]
            self._take(course)
            self._line.catch_up(course.leg.replica)
            course.leg.replica.post(Cancel(self._line.now, request))
            gone.append(course)
        return gone

    def _take(self, course: Course) -> None:
        del self._courses[course.leg.id]
        self._fetches.pop(course.leg.id, None)
