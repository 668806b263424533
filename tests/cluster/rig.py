"""A fleet of small engines with a fixed cost, and workloads that share prefixes: everything a cluster test needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from doubletime.cluster.course import Course
from doubletime.cluster.fleet import Failure, Fleet
from doubletime.cluster.replica import Owner, Replica, Role
from doubletime.cluster.routers import load_router
from doubletime.cluster.scaling import load_scaler
from doubletime.cluster.wire import Wire
from doubletime.core.plan import Plan
from doubletime.core.vocabulary import SECOND, SLO, DepthMap, Finish, GroupKind, KVGroup, Limits, Nanoseconds
from doubletime.executors.virtual import Jitter
from doubletime.hardware.links import Link
from doubletime.lab.observer import Observer
from doubletime.lab.rehearsal.journal import Journal
from doubletime.lab.rehearsal.traffic import WorkloadTraffic
from doubletime.lab.result import result
from doubletime.lab.workload.content import Blocks, Run
from doubletime.lab.workload.job import Job, Session, Workload
from doubletime.policies import load

MS = 1_000_000
TOKEN_BYTES = 1000
FAST = Link(1e9, 1e-5)
GROUP = KVGroup((0,), GroupKind.FULL, 16, 16 * TOKEN_BYTES)
BOTH, PREFILL, DECODE = Role.BOTH, Role.PREFILL, Role.DECODE


class Linear:
    """Milliseconds: 5 a step, 0.1 a decode, 0.05 a prompt token, and a little for what they read."""

    stages = 1

    def decodes(self, count: int, context: int) -> Nanoseconds:
        return 5 * MS + count * 100_000 + context * 10

    def plan(self, plan: Plan) -> Nanoseconds:
        decodes = self.decodes(len(plan.decode_seqs), sum(plan.decode_starts))
        return decodes + sum(slab.tokens * 50_000 for slab in plan.work)

    def depths(self, plan: Plan) -> tuple[Nanoseconds, ...]:
        whole = self.plan(plan)
        return tuple(whole * (point + 1) // plan.depth for point in range(plan.depth))


def limits(blocks: int = 400, groups: tuple[KVGroup, ...] = (GROUP,)) -> Limits:
    return Limits(groups, (blocks,) * len(groups), DepthMap(4, 2), max_seats=16, max_rows=256, max_open_rows=1024)


@dataclass
class Plant:
    """Makes engines. A `cluster.crew.Plant`."""

    traffic: WorkloadTraffic
    observer: Observer
    limits: Limits
    policy: str
    wire: Wire
    metered: bool
    leaps: bool
    jitter: float
    made: list[Replica] = field(default_factory=list)

    def replica(self, index: int, role: Role, owner: Owner) -> Replica:
        journal = Journal(index, self.observer)
        self.traffic.journals.append(journal)
        replica = Replica(
            index, self.limits, load(self.policy), Linear(), owner, journal,
            jitter=Jitter(self.jitter, index), leaps=self.leaps, role=role, metered=self.metered, wire=self.wire,
        )  # fmt: skip
        self.made.append(replica)
        return replica


class Watched(WorkloadTraffic):
    """Remembers every course that has ended, and how."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.courses: dict[int, Course] = {}
        self.reasons: dict[int, str] = {}

    def ended(self, course: Course, finish: Finish, now: Nanoseconds) -> None:
        assert course.request.id not in self.courses, "it ended twice"
        self.courses[course.request.id] = course
        super().ended(course, finish, now)

    def refused(self, course: Course, reason: str, now: Nanoseconds) -> None:
        assert course.request.id not in self.courses, "it ended twice"
        self.courses[course.request.id] = course
        self.reasons[course.request.id] = reason
        super().refused(course, reason, now)


class Town:
    """A fleet, its traffic, and what came of it."""

    def __init__(
        self,
        work: Workload,
        *,
        roles: tuple[Role, ...] = (BOTH, BOTH),
        router: str = "least-outstanding",
        policy: str = "fcfs",
        blocks: int = 400,
        leaps: bool = True,
        jitter: float = 0.0,
        link: Link = FAST,
        handoff: int = 1 << 40,
        scaler: str | None = None,
        load_s: float = 1.0,
        failures: tuple[Failure, ...] = (),
        slo: SLO = SLO(),
    ) -> None:
        self.observer = Observer()
        self.traffic = Watched(work, slo, self.observer, by_replica=True)
        self.wire = Wire(lambda tokens: tokens * TOKEN_BYTES, lambda source, target: link)
        chosen = load_router(router)
        self.plant = Plant(self.traffic, self.observer, limits(blocks), policy, self.wire, chosen.looks, leaps, jitter)
        self.fleet = Fleet(
            self.plant, chosen, self.traffic, roles,
            wire=self.wire, handoff=handoff, scaler=load_scaler(scaler) if scaler else None,
            load=round(load_s * SECOND), failures=failures,
        )  # fmt: skip

    def run(self) -> dict[str, Any]:
        """The result schema. Checks that nothing was lost on the way."""
        self.fleet.run()
        self.traffic.count_gaps()
        found = result(self.traffic.scores, self.observer.facts(), clock="virtual", policy="", config={}, seed=0)
        self._check(found)
        return found

    def _check(self, found: dict[str, Any]) -> None:
        ends = found["requests"]
        assert ends["sent"] == ends["completed"] + ends["refused"]
        live = [member.replica for member in self.fleet.crew.history if member.ended is None]
        for replica in live:
            assert replica is not None
            assert not replica.outstanding
            assert not replica.scheduler.roster.sequences
            assert not replica.queued_tokens
            replica.scheduler.memory.drop_cache()
            assert all(pool.free == pool.count for pool in replica.scheduler.memory.pools), "a block is lost"
        completed = [course for number, course in self.traffic.courses.items() if number not in self.traffic.reasons]
        assert all(course.output == course.request.limit for course in completed)
        gaps = sum(course.output - 1 for course in completed)
        assert len(self.traffic.scores.all.gaps) == gaps


def workload(
    requests: int = 60,
    *,
    rate: float = 20.0,
    prompt: int = 200,
    output: int = 30,
    topics: int = 4,
    seed: int = 0,
    pause: float = 0.0,
) -> Workload:
    """Requests of about these lengths; those of one of the `topics` share the first half of their prompt.

    `pause`: seconds after the first.
    """

    def sessions() -> Iterator[Session]:
        random, time = Random(seed), 0.0
        for number in range(requests):
            time += random.expovariate(rate) + (pause if number == 1 else 0.0)
            length, topic = random.randint(prompt // 2, prompt), random.randrange(topics)
            shared = prompt // 32
            content = Blocks(0, (Run(topic * 1000, shared), Run(10**6 + number * 1000, length // 16)))
            job = Job(length, random.randint(1, output), content=content)
            yield Session(round(time * SECOND), (job,))

    return Workload("town", sessions, seed, requests=requests)


def one_by_one(*jobs: tuple[float, int, int]) -> Workload:
    """(second, prompt, output) each, with nothing in common."""
    rows = [Session(round(at * SECOND), (Job(prompt, output),)) for at, prompt, output in jobs]
    return Workload("jobs", lambda: iter(rows), requests=len(rows))
