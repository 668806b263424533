"""The workload as a fleet sees it: requests in, ends out, and the record of each request kept until it has ended."""

from __future__ import annotations

from dataclasses import dataclass

from doubletime.cluster.replica import Replica
from doubletime.core.events import Request
from doubletime.core.sequence import Sequence
from doubletime.core.vocabulary import SLO, Finish, Nanoseconds
from doubletime.lab.metrics import Outcome, Record
from doubletime.lab.rehearsal.journal import Journal
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
    """Implements `cluster.fleet.Traffic`, and `cluster.replica.Owner`.

    `api`: what a request spends in the HTTP process before the engine hears of it and after its first token.
    """

    def __init__(
        self, workload: Workload, slo: SLO, *, api: Nanoseconds = 0, prefixes: bool = True, serial: bool = False
    ) -> None:
        self.scores = Scores(slo)
        self.journals: list[Journal] = []  # by replica
        self.done = 0
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

    def ended(self, replica: Replica, seq: Sequence) -> None:
        assert seq.finish is not None
        life = self._lives.pop(seq.request.id)
        record, journal = life.record, self.journals[replica.index]
        record.output, record.first, record.last, record.first_slab = seq.output, seq.first, seq.last, seq.first_slab
        record.outcome = _OUTCOMES[seq.finish]
        record.replica = self._name(replica)
        if record.outcome is Outcome.COMPLETED:
            journal.completed(seq.id, record.slo_class)
        else:
            journal.forget(seq.id)
        self._close(life, replica.scheduler.now)

    def refused(self, replica: Replica, request: int, reason: str) -> None:
        life = self._lives.pop(request)
        life.record.outcome = Outcome.REFUSED
        self._close(life, replica.scheduler.now)

    def _close(self, life: _Life, now: Nanoseconds) -> None:
        self.scores.add(life.record, now)
        self._feed.answered(life.ticket, now, go_on=life.record.outcome is Outcome.COMPLETED)
        self.done += 1

    def _name(self, replica: Replica) -> str:
        return str(replica.index) if len(self.journals) > 1 else ""

    def count_gaps(self) -> None:
        """At the end: the gaps between tokens of all that completed go into the scores."""
        for index, journal in enumerate(self.journals):
            name = str(index) if len(self.journals) > 1 else ""
            for group, gap, times in journal.gaps():
                self.scores.gaps(group, name, gap, times)


def request_of(job: Job, number: int, seed: int, *, prefixes: bool, serial: bool) -> Request:
    """What the core sees of a job. The answer's keys are given along: nothing reads them before its tokens exist."""
    keys = job.content.keys(job.prompt + job.output) if job.content and prefixes else ()
    return Request(
        number, job.prompt, job.output, keys=keys, key_tokens=job.key_tokens, priority=job.priority,
        tenant=job.tenant, program=job.program, slo=job.slo, seed=seed, take_hits=prefixes, serial=serial,
    )  # fmt: skip
