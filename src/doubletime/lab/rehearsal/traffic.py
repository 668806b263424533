"""The workload as a fleet sees it: requests in, ends out, and the record of each request kept until it has ended."""

from __future__ import annotations

from dataclasses import dataclass

from doubletime.cluster.course import Course
from doubletime.core.events import Request
from doubletime.core.vocabulary import SLO, Finish, Nanoseconds
from doubletime.lab.metrics import Outcome, Record
from doubletime.lab.observer import Observer
from doubletime.lab.rehearsal.journal import Journal, rounded
from doubletime.lab.result import Scores
from doubletime.lab.workload.feed import Feed, Ticket
from doubletime.lab.workload.job import Job, Workload

_OUTCOMES = {
    Finish.STOP: Outcome.COMPLETED,
    Finish.LENGTH: Outcome.COMPLETED,
    Finish.CANCEL: Outcome.CANCELLED,
    Finish.ERROR: Outcome.FAILED,
}


@dataclass(slots=True)
class _Life:
    ticket: Ticket
    record: Record


class WorkloadTraffic:
    """Implements `cluster.fleet.Traffic`.

    `api`: what a request spends in the HTTP process before the engine hears of it and after its first token.
    `by_replica`: scores are kept for each replica too (that on which a request ended).
    """

    def __init__(
        self,
        workload: Workload,
        slo: SLO,
        observer: Observer,
        *,
        api: Nanoseconds = 0,
        prefixes: bool = True,
        serial: bool = False,
        by_replica: bool = False,
    ) -> None:
        self.scores = Scores(slo)
        self.journals: list[Journal] = []  # one for each replica that there was
        self.done = 0
        self._observer = observer
        self._by_replica = by_replica
        self._feed = Feed(workload)
        self._seed = workload.seed
        self._api = api
        self._prefixes = prefixes
        self._serial = serial
        self._lives: dict[int, _Life] = {}

    # ---- arrivals

    def next_arrival(self) -> Nanoseconds | None:
        due = self._feed.next_due()
        return None if due is None else due + self._api

    def take(self, now: Nanoseconds) -> list[Request]:
        return [self._request(ticket) for ticket in self._feed.take(now - self._api)]

    def _request(self, ticket: Ticket) -> Request:
        job = ticket.job
        record = Record(ticket.due, job.prompt, slo=job.slo, slo_class=job.slo_class)
        self._lives[ticket.number] = _Life(ticket, record)
        return request_of(job, ticket.number, self._seed, prefixes=self._prefixes, serial=self._serial)

    # ---- ends

    def ended(self, course: Course, finish: Finish, now: Nanoseconds) -> None:
        life = self._lives.pop(course.request.id)
        record = life.record
        record.output, record.first_slab = course.output, course.first_slab
        record.first, record.last = course.first, course.last
        record.outcome = _OUTCOMES[finish]
        record.replica = self._name(course.leg.replica.index)
        self._tell_journals(course, record)
        self._close(life, now)

    def refused(self, course: Course, reason: str, now: Nanoseconds) -> None:
        life = self._lives.pop(course.request.id)
        life.record.outcome = Outcome.REFUSED
        self._tell_journals(course, life.record)
        self._close(life, now)

    def resumed(self, request: int, lost: int) -> None:
        self._observer.resumes(request, lost)

    def _tell_journals(self, course: Course, record: Record) -> None:
        completed = record.outcome is Outcome.COMPLETED
        for leg in course.legs:
            journal = leg.replica.watcher
            assert isinstance(journal, Journal)
            if completed and leg.output:
                journal.completed(leg.id, record.slo_class)
            else:
                journal.forget(leg.id)
        if completed and len(course.legs) > 1:
            for gap in course.breaks():
                self.scores.gap(record, rounded(gap))

    def _close(self, life: _Life, now: Nanoseconds) -> None:
        self.scores.add(life.record, now)
        self._feed.answered(life.ticket, now, go_on=life.record.outcome is Outcome.COMPLETED)
        self.done += 1

    def _name(self, replica: int) -> str:
        return str(replica) if self._by_replica else ""

    def count_gaps(self) -> None:
        """At the end: the gaps between tokens of all that completed go into the scores."""
        for journal in self.journals:
            name = self._name(journal.index)
            for group, gap, times in journal.gaps():
                self.scores.gaps(group, name, gap, times)


def request_of(job: Job, number: int, seed: int, *, prefixes: bool, serial: bool) -> Request:
    """What the core sees of a job. The answer's keys are given along: nothing reads them before its tokens exist."""
    keys = job.content.keys(job.prompt + job.output) if job.content and prefixes else ()
    return Request(
        number, job.prompt, job.output, keys=keys, key_tokens=job.key_tokens, priority=job.priority,
        tenant=job.tenant, program=job.program, slo=job.slo, seed=seed, take_hits=prefixes, serial=serial,
    )  # fmt: skip
