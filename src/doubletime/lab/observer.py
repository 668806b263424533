"""What the plans tell about an engine: when requests first ran, what hit, what was thrown away. A `Recorder`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from doubletime.core.events import Arrive, Event
from doubletime.core.loop import Recorder
from doubletime.core.plan import Plan
from doubletime.core.vocabulary import Nanoseconds
from doubletime.lab.result import EngineFacts

if TYPE_CHECKING:
    from doubletime.core.scheduler import Scheduler


class Observer:
    """Looks at every event and plan, in real and in virtual time, and changes nothing.

    `clock` stamps the first slabs; without one it is the time that the plan carries. `first_slabs` is by sequence, for
    its owner to empty.
    """

    def __init__(self, clock: Callable[[], Nanoseconds] | None = None) -> None:
        self.first_slabs: dict[int, Nanoseconds] = {}
        self._clock = clock
        self._new: dict[int, int] = {}  # sequence that has not run yet → its prompt tokens
        self._lost: dict[int, int] = {}  # preempted sequence → tokens of KV that it lost and has not begun to replace
        self._resumed: dict[int, int] = {}  # request that was elsewhere before → tokens of KV lost there
        self._counted: dict[int, int] = {}  # sequence → losses that have been counted
        self._steps = self._preemptions = 0
        self._prompt_tokens = self._hit_tokens = 0
        self._recomputed = self._rehit = 0

    def event(self, step: int, event: Event) -> None:
        if isinstance(event, Arrive):
            request = event.request
            if request.id in self._resumed:
                if lost := self._resumed.pop(request.id):
                    self._lost[request.id] = lost
                return
            self._new.update(dict.fromkeys(range(request.id, request.id + request.n), request.prompt))

    def plan(self, scheduler: Scheduler, plan: Plan) -> None:
        for seq in plan.ends:
            for kept in (self._new, self._lost, self._counted):
                kept.pop(seq, None)
        self._steps += not plan.idle
        for slab in plan.work:
            if slab.top == 0:
                self._runs(slab.seq, slab.start, plan)
        if self._lost:
            for seq, start in zip(plan.decode_seqs, plan.decode_starts, strict=True):
                self._runs(seq, start, plan)
        for preemption in plan.preempted:
            self._preempted(scheduler, preemption.seq)

    def leapt(self, steps: int) -> None:
        """So many steps of nothing but decodes were taken at once."""
        self._steps += steps

    def resumes(self, request: int, lost: int) -> None:
        """A request that will arrive was on another engine before: what it finds there is no hit of a prompt."""
        self._resumed[request] = lost

    def facts(self, planning_ns: Nanoseconds | None = None) -> EngineFacts:
        """`planning_ns`: what the loop's stopwatch took for the plans that were seen here."""
        replaced = self._rehit + self._recomputed
        timed = planning_ns is not None and self._steps
        return EngineFacts(
            prefix_hit_rate=self._hit_tokens / self._prompt_tokens if self._prompt_tokens else None,
            rehit_rate=self._rehit / replaced if replaced else None,
            preemptions=self._preemptions,
            recomputed_tokens=self._recomputed,
            steps=self._steps,
            scheduler_us_per_step=(planning_ns or 0) / 1e3 / self._steps if timed else None,
        )

    def _runs(self, seq: int, start: int, plan: Plan) -> None:
        """A slab from position `start` on: what is before it was hit, if this is the first since it had nothing."""
        if seq in self._new:
            self._prompt_tokens += self._new.pop(seq)
            self._hit_tokens += start
            self.first_slabs[seq] = self._clock() if self._clock else plan.now
        elif seq in self._lost:
            lost = self._lost.pop(seq)
            self._rehit += min(start, lost)
            self._recomputed += max(0, lost - start)

    def _preempted(self, scheduler: Scheduler, seq: int) -> None:
        self._preemptions += 1
        sequence = scheduler.roster.sequences.get(seq)
        lost = sequence.recomputed - self._counted.get(seq, 0) if sequence else 0
        if lost:
            self._lost[seq] = self._lost.get(seq, 0) + lost
            self._counted[seq] = self._counted.get(seq, 0) + lost


class Recorders:
    """Several recorders in one engine."""

    def __init__(self, *recorders: Recorder) -> None:
        self._recorders = recorders

    def event(self, step: int, event: Event) -> None:
        for recorder in self._recorders:
            recorder.event(step, event)

    def plan(self, scheduler: Scheduler, plan: Plan) -> None:
        for recorder in self._recorders:
            recorder.plan(scheduler, plan)
