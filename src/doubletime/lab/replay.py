"""Runs a recording again: the same events must lead to the same plans, step for step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from doubletime.core.events import Arrive, Cancel, Event, Result
from doubletime.core.log import BadLog, Header, LoggedEnd, LoggedEvent, LoggedPlan, LogWriter, read_log
from doubletime.core.plan import Plan
from doubletime.core.scheduler import Scheduler
from doubletime.policies import load


class ReplayMismatch(Exception):
    """The recording and the replay differ; the text says where and how."""


@dataclass(slots=True)
class ReplayReport:
    """What a recording that replayed exactly contained."""

    header: Header
    steps: int = 0
    idle_steps: int = 0
    decodes: int = 0  # tokens
    prefill_tokens: int = 0
    preemptions: int = 0
    events: int = 0
    requests: int = 0
    cancels: int = 0
    finishes: int = 0
    stopped_steps: int = 0
    complete: bool = False  # False: the recording was cut short


class _Replayer:
    """A fresh scheduler, and a log writer of its own whose digests must equal the recorded ones."""

    def __init__(self, header: Header) -> None:
        self.report = ReplayReport(header)
        self._scheduler = Scheduler(header.limits, load(header.policy))
        self._lines: list[str] = []
        self._writer = LogWriter(header, self._lines.append)

    def plan(self, recorded: LoggedPlan) -> None:
        plan = self._scheduler.plan()
        if plan != recorded.plan:
            raise ReplayMismatch(f"step {recorded.plan.step} differs: {_difference(recorded.plan, plan)}")
        self._writer.plan(self._scheduler, plan)
        self._check_digest(recorded.digest)
        report = self.report
        report.steps += 1
        report.idle_steps += plan.idle
        report.decodes += len(plan.decode_seqs)
        report.prefill_tokens += sum(slab.tokens for slab in plan.work if slab.top == 0)
        report.preemptions += len(plan.preempted)

    def event(self, step: int, event: Event) -> None:
        if step != self._scheduler.step:
            raise ReplayMismatch(
                f"an event of step {step} stands before step {self._scheduler.step}: lines are missing"
            )
        self._writer.event(step, event)
        self._scheduler.apply(event)
        self._scheduler.take_ended()
        report = self.report
        report.events += 1
        report.requests += isinstance(event, Arrive)
        report.cancels += isinstance(event, Cancel)
        if isinstance(event, Result):
            report.finishes += sum(row.finish is not None for row in event.rows)
            report.stopped_steps += event.reached is not None

    def end(self, recorded: LoggedEnd) -> None:
        self._writer.close()
        self._check_digest(recorded.digest)
        self.report.complete = True

    def _check_digest(self, recorded: str) -> None:
        self._writer.flush()
        digest = "".join(self._lines).rsplit('"', 2)[1]
        self._lines.clear()
        if digest != recorded:
            raise ReplayMismatch(
                f"what led to step {self._scheduler.step} is not what was recorded (digest {digest}, recorded "
                f"{recorded}): an event, a duration, a seed or the header was altered"
            )


def replay(lines: Iterable[str], progress: Callable[[int], object] | None = None) -> ReplayReport:
    """Checks a recording. Raises BadLog if it cannot be read and ReplayMismatch where it differs."""
    items = read_log(lines)
    header = next(items, None)
    if not isinstance(header, Header):
        raise BadLog("the recording is empty")
    replayer = _Replayer(header)
    for item in items:
        if isinstance(item, LoggedPlan):
            replayer.plan(item)
            if progress:
                progress(item.plan.step)
        elif isinstance(item, LoggedEvent):
            replayer.event(item.step, item.event)
        elif isinstance(item, LoggedEnd):
            replayer.end(item)
    return replayer.report


def _difference(recorded: Plan, replayed: Plan) -> str:
    """The first field in which two plans differ."""
    old, new = recorded.to_json(), replayed.to_json()
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            return f"{name} was {old.get(name)}, is {new.get(name)}"
    return "in nothing that is written"
