"""Our own recordings (`--record FILE`): arrivals and keys as they were, lengths as they came out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from doubletime.core.events import Arrive, Cancel, Request, Result
from doubletime.core.log import LoggedEvent, LoggedPlan, read_log
from doubletime.core.plan import Plan
from doubletime.core.vocabulary import Nanoseconds
from doubletime.lab.workload.content import Keys
from doubletime.lab.workload.job import Job, Session
from doubletime.lab.workload.lines import open_text
from doubletime.lab.workload.readers.common import Reading


def recording(path: Path, reading: Reading) -> Iterator[Session]:
    """A job for each sequence of each request, at its recorded time. One that was cancelled has the output it got."""
    history = _History()
    with open_text(path) as lines:
        for item in read_log(lines):
            if isinstance(item, LoggedPlan):
                history.plan(item.plan)
            elif isinstance(item, LoggedEvent):
                history.event(item.event)
            yield from history.take_ended()
    yield from history.take_all()


@dataclass(slots=True)
class _Life:
    request: Request
    arrived: Nanoseconds
    output: int = 0
    ended: bool = False
    keys: tuple[int, ...] = ()  # of the blocks that prompt and answer filled


@dataclass(slots=True)
class _History:
    """What lives, in the order of arrival: an early request that is still running holds back those after it."""

    lives: dict[int, _Life] = field(default_factory=dict)
    plans: dict[int, Plan] = field(default_factory=dict)
    began: Nanoseconds | None = None

    def plan(self, plan: Plan) -> None:
        if not plan.idle:
            self.plans[plan.step] = plan

    def event(self, event: object) -> None:
        match event:
            case Arrive(time, request):
                self.began = time if self.began is None else self.began
                for seq in range(request.id, request.id + request.n):
                    self.lives[seq] = _Life(request, time - self.began, keys=request.keys)
            case Cancel():
                for life in self.lives.values():
                    life.ended = life.ended or life.request.id == event.request
            case Result():
                self._result(event)

    def _result(self, result: Result) -> None:
        plan = self.plans.pop(result.step)
        if not (result.revoked or result.failed):
            for slab in plan.slabs:
                if slab.samples and (result.reached is None or slab.bottom <= result.reached):
                    self._sampled(slab.seq, slab.samples)
        for row in result.rows:
            life = self.lives.get(row.seq)
            if life is not None:
                life.keys += row.keys
                life.ended = life.ended or row.finish is not None

    def _sampled(self, seq: int, count: int) -> None:
        life = self.lives.get(seq)
        if life is not None and not life.ended:
            life.output += count
            life.ended = life.output >= life.request.limit

    def take_ended(self) -> Iterator[Session]:
        while self.lives and (life := self.lives[first := next(iter(self.lives))]).ended:
            del self.lives[first]
            yield _session(life, life.output)

    def take_all(self) -> Iterator[Session]:
        """The recording is over: what still ran may have wanted its limit."""
        for life in self.lives.values():
            yield _session(life, life.output if life.ended else life.request.limit)


def _session(life: _Life, output: int) -> Session:
    request = life.request
    job = Job(
        request.prompt,
        max(1, output),
        content=Keys(life.keys, request.key_tokens) if life.keys else None,
        priority=request.priority,
        tenant=request.tenant,
        program=request.program,
        slo=request.slo,
    )
    return Session(life.arrived, (job,))
