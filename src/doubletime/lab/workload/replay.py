"""Traces: a file as it is, or at another rate, or with other people in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from doubletime.core.vocabulary import Nanoseconds
from doubletime.lab.workload import arrivals
from doubletime.lab.workload.classes import PeopleSpec, Someone
from doubletime.lab.workload.formats import format_of
from doubletime.lab.workload.job import Job, Session, Workload
from doubletime.lab.workload.options import Options, count, integer, positive, text
from doubletime.lab.workload.readers.common import Encode, Reading

Stream = Iterator[Session]


def read_file(path: Path, seed: int, encode: Encode | None) -> Workload:
    """A file as it is. Raises ValueError or OSError."""
    known = format_of(path)
    return Workload(str(path), lambda: known.read(path, Reading(seed, encode)), seed, timed=known.timed)


def replay(rest: str, name: str, seed: int, encode: Encode | None) -> Workload:
    """`replay:path=FILE` with `scale` (times the recorded rate), `rate` (Poisson instead) or `concurrency`; `n`, `seed`
    and `tenants`, `skew`, `classes` for files that know of none. Raises ValueError or OSError."""
    options = Options("replay", rest)
    path = Path(options.need("path", text))
    scale, rate = options.take("scale", positive, 0.0), options.take("rate", positive, 0.0)
    users = options.take("concurrency", count, 0)
    most = options.take("n", count, 0)
    seed = options.take("seed", integer, seed)
    drawn = any(options.has(key) for key in ("tenants", "skew", "classes"))
    people = PeopleSpec.take(options)
    options.done()
    if sum(map(bool, (scale, rate, users))) > 1:
        raise ValueError("replay: only one of scale, rate and concurrency can say when requests come")
    file = read_file(path, seed, encode)
    if scale and not file.timed:
        raise ValueError(f"replay: {path} has no arrival times that scale= could change: give rate= or concurrency=")
    change = _changes(scale, rate, most, seed, people if drawn else None)
    timed = (file.timed or rate > 0) and not users
    return Workload(name, lambda: change(file.sessions()), seed, users or None, most or None, timed)


def _changes(scale: float, rate: float, most: int, seed: int, people: PeopleSpec | None) -> Callable[[Stream], Stream]:
    steps: list[Callable[[Stream], Stream]] = []
    if scale:
        steps.append(partial(_scaled, scale))
    if rate:
        steps.append(lambda sessions: _retimed(sessions, arrivals.poisson(rate, seed)))
    if people is not None:
        steps.append(partial(_peopled, people, seed))
    if most:
        steps.append(partial(first, most))

    def change(sessions: Stream) -> Stream:
        for step in steps:
            sessions = step(sessions)
        return sessions

    return change


def first(most: int, sessions: Stream) -> Stream:
    """The sessions until there are `most` requests; the last one may be cut short."""
    for session in sessions:
        if len(session.jobs) >= most:
            yield replace(session, jobs=session.jobs[:most])
            return
        most -= len(session.jobs)
        yield session


def _scaled(scale: float, sessions: Stream) -> Stream:
    return (replace(session, start=round(session.start / scale)) for session in sessions)


def _retimed(sessions: Stream, times: Iterator[Nanoseconds]) -> Stream:
    return (replace(session, start=start) for session, start in zip(sessions, times, strict=False))


def _peopled(spec: PeopleSpec, seed: int, sessions: Stream) -> Stream:
    people = spec.people(seed)
    for session in sessions:
        who = people.draw()
        yield replace(session, jobs=tuple(_asked_by(job, who) for job in session.jobs))


def _asked_by(job: Job, who: Someone) -> Job:
    service = who.service
    return replace(
        job, tenant=who.tenant or job.tenant, slo=service.slo, slo_class=service.name, priority=service.priority
    )
