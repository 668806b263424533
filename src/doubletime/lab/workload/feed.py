"""Who is asking now: open and closed loops over a workload. Knows no clock, so it serves real and virtual time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from doubletime.core.vocabulary import Nanoseconds
from doubletime.lab.workload.job import Job, Session, Workload


@dataclass(frozen=True, slots=True)
class Ticket:
    """One request to send: `number` counts them in the order in which they became due. Times are since the start."""

    number: int
    due: Nanoseconds
    job: Job
    session: Session
    started: Nanoseconds  # when the session's first job was due
    jobs_left: int  # of the session, after this one


class Feed:
    """Hands out jobs that are due; is told when one is answered. Sessions are read as they are needed."""

    def __init__(self, workload: Workload) -> None:
        self._users = workload.concurrency
        self._sessions: Iterator[Session] = workload.sessions()
        self._next: Session | None = next(self._sessions, None)
        self._due: list[tuple[Nanoseconds, int, Session, int, Nanoseconds]] = []  # heap: due, entry, session, turn, …
        self._entries = 0
        self._live = 0  # sessions that have begun and not ended
        self._number = 0
        self._now: Nanoseconds = 0

    @property
    def over(self) -> bool:
        """Nothing is due any more, and no answer can change that."""
        return not self._live and self._next is None

    def next_due(self) -> Nanoseconds | None:
        """When the next job is due; None: not before an answer, or never."""
        self._begin()
        times = [self._due[0][0]] if self._due else []
        if self._next is not None and self._users is None:
            times.append(self._next.start)
        return min(times, default=None)

    def take(self, now: Nanoseconds) -> list[Ticket]:
        """The jobs that are due by `now`, in the order of their times."""
        self._now = max(self._now, now)
        self._begin()
        tickets = []
        while self._due and self._due[0][0] <= now:
            due, _, session, turn, started = heapq.heappop(self._due)
            left = len(session.jobs) - turn - 1
            tickets.append(Ticket(self._number, due, session.jobs[turn], session, started, left))
            self._number += 1
        return tickets

    def answered(self, ticket: Ticket, now: Nanoseconds, *, go_on: bool = True) -> None:
        """The request of a ticket has ended. `go_on` False: it failed, and the session ends with it."""
        self._now = max(self._now, now)
        if not (go_on and ticket.jobs_left):
            self._live -= 1
            return
        turn = len(ticket.session.jobs) - ticket.jobs_left
        job = ticket.session.jobs[turn]
        due = max(now + job.think, ticket.started + job.offset)
        self._push(due, ticket.session, turn, ticket.started)

    def _begin(self) -> None:
        """Begins the sessions whose time has come, or for which a user of a closed loop is free."""
        while self._next is not None and self._may_begin(self._next):
            start = self._next.start if self._users is None else self._now
            self._push(start, self._next, 0, start)
            self._live += 1
            self._next = next(self._sessions, None)

    def _may_begin(self, session: Session) -> bool:
        return session.start <= self._now if self._users is None else self._live < self._users

    def _push(self, due: Nanoseconds, session: Session, turn: int, started: Nanoseconds) -> None:
        heapq.heappush(self._due, (due, self._entries, session, turn, started))
        self._entries += 1
