"""The client: sends each job when it is due, takes the time of every token, and knows when it was late itself."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field

from doubletime.core.vocabulary import SECOND, SLO, Nanoseconds
from doubletime.lab.bench.gauge import TICK, Dark, Gauge, Screen
from doubletime.lab.bench.target import News, Target
from doubletime.lab.metrics import Outcome, Record
from doubletime.lab.percentiles import Tally
from doubletime.lab.result import Scores
from doubletime.lab.workload.feed import Feed, Ticket
from doubletime.lab.workload.job import Workload


@dataclass(slots=True)
class Measured:
    """Everything that the client saw. `lag` is how late it sent, against the workload's own times.

    `cpu` is this process's share of one core. `interrupted`: the user ended it; what was living then counts as
    cancelled.
    """

    scores: Scores
    began: Nanoseconds
    lag: Tally = field(default_factory=Tally)
    errors: Counter[str] = field(default_factory=Counter)
    cpu: float = 0.0
    interrupted: bool = False


@dataclass(slots=True)
class _Live:
    ticket: Ticket
    record: Record
    gaps: list[Nanoseconds] = field(default_factory=list)


def drive(workload: Workload, target: Target, slo: SLO, *, timeout_s: float, screen: Screen | None = None) -> Measured:
    """Runs a workload to its end. A request without an end after `timeout_s` has failed."""
    client = _Client(workload, target, slo, round(timeout_s * SECOND), screen or Dark())
    worked = time.process_time()
    try:
        while not client.over:
            client.turn()
    except KeyboardInterrupt:
        client.give_up()
    measured = client.measured
    measured.cpu = (time.process_time() - worked) * SECOND / max(1, time.monotonic_ns() - measured.began)
    return measured


class _Client:
    def __init__(self, workload: Workload, target: Target, slo: SLO, timeout: Nanoseconds, screen: Screen) -> None:
        self.measured = Measured(Scores(slo), time.monotonic_ns())
        self._feed = Feed(workload)
        self._target = target
        self._timeout = timeout
        self._gauge = Gauge(screen, self.measured.began)
        self._live: dict[int, _Live] = {}
        self._deadlines: deque[tuple[Nanoseconds, int]] = deque()  # in the order of sending, so also of time

    @property
    def over(self) -> bool:
        return self._feed.over

    def turn(self) -> None:
        """Sends what is due, then waits for news, for the next job, or for a deadline."""
        for ticket in self._feed.take(self._elapsed()):
            self._send(ticket)
        for news in self._target.poll(self._wait()):
            self._hear(news)
        self._expire()
        self._gauge.look(time.monotonic_ns(), len(self._live))

    def give_up(self) -> None:
        """Cancels what still lives."""
        self.measured.interrupted = True
        for number, live in list(self._live.items()):
            self._target.cancel(number)
            self._end(live, News(number, time.monotonic_ns(), outcome=Outcome.CANCELLED))

    def _elapsed(self) -> Nanoseconds:
        return time.monotonic_ns() - self.measured.began

    def _send(self, ticket: Ticket) -> None:
        job, now = ticket.job, time.monotonic_ns()
        record = Record(now, job.prompt, slo=job.slo, slo_class=job.slo_class)
        self._live[ticket.number] = _Live(ticket, record)
        self._deadlines.append((now + self._timeout, ticket.number))
        self._target.send(ticket)
        record.arrival = time.monotonic_ns()
        self.measured.lag.add(max(0, record.arrival - self.measured.began - ticket.due))

    def _wait(self) -> float:
        """Seconds until something is to be done; not for ever, since people watch."""
        due = self._feed.next_due()
        ends = [due + self.measured.began] if due is not None else []
        while self._deadlines and self._deadlines[0][1] not in self._live:
            self._deadlines.popleft()
        ends += [deadline for deadline, _ in list(self._deadlines)[:1]]
        now = time.monotonic_ns()
        return max(0, min(*ends, now + TICK) - now) / SECOND if ends else TICK / SECOND

    def _hear(self, news: News) -> None:
        live = self._live.get(news.number)
        if live is None:
            return  # it timed out before
        if news.tokens:
            self._tokens(live, news)
        if news.outcome is not None:
            self._end(live, news)

    def _tokens(self, live: _Live, news: News) -> None:
        record = live.record
        if record.first is None or record.last is None:
            record.first = news.time
            self._gauge.first(news.time - record.arrival)
        else:
            live.gaps.append(news.time - record.last)
        record.last = news.time
        record.output += news.tokens
        self._gauge.tokens(news.tokens)

    def _end(self, live: _Live, news: News) -> None:
        record = live.record
        assert news.outcome is not None
        record.outcome, record.first_slab = news.outcome, news.first_slab
        if news.usage is not None:
            counted = record.output
            record.prompt, record.output = news.usage
            self._gauge.tokens(record.output - counted)  # a chunk may have brought several
        if news.error:
            self.measured.errors[news.error] += 1
        if record.outcome is Outcome.COMPLETED and record.first is None:
            record.outcome = Outcome.FAILED
            self.measured.errors["the stream ended without a token"] += 1
        if record.outcome is Outcome.COMPLETED:
            for gap in live.gaps:
                self.measured.scores.gap(record, gap)
        del self._live[news.number]
        self.measured.scores.add(record, news.time)
        self._feed.answered(live.ticket, self._elapsed(), go_on=record.outcome is Outcome.COMPLETED)
        self._gauge.ended()

    def _expire(self) -> None:
        """Requests that took too long."""
        now = time.monotonic_ns()
        while self._deadlines and self._deadlines[0][0] <= now:
            _, number = self._deadlines.popleft()
            if number in self._live:
                self._target.cancel(number)
                error = f"no end within {self._timeout / SECOND:g} s"
                self._end(self._live[number], News(number, now, outcome=Outcome.FAILED, error=error))
