"""FlowPrefill: whole prefills by slack-aware earliest deadline, stopped at an operator for a more urgent arrival.

After arXiv 2602.16603 (2026) and a public re-implementation's thrash guards. The paper serves prefills alone; here
decodes share the step, so a stop delays them by the newcomer's share of it. Differences: hopeless requests are
served in order of deadline, and batching follows our reading (extend the head while every member stays in time).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from doubletime.core.policy import FlightView, Policy, SequenceView, Served, StepView, Work
from doubletime.core.vocabulary import SECOND, Fate, Nanoseconds, Why
from doubletime.policies.shared.predictor import StepTime

_LOOK_AHEAD = 32
"""How many waiting prompts are considered for a batch."""


class Flow(Policy):
    """`ttft`: deadline in seconds for requests without one. `batch`: prompt tokens that saturate the machine.

    `margin`: how much more urgent a newcomer must be. `late`: share of a step after which it is not stopped.
    """

    name = "flow"
    reference = "FlowPrefill, arXiv 2602.16603"

    def __init__(self, ttft: float = 2.0, batch: int = 2048, margin: float = 0.2, late: float = 0.9) -> None:
        if ttft <= 0 or batch < 1 or margin < 0 or not 0 < late <= 1:
            raise ValueError("ttft and batch must be positive, margin not negative, late in (0, 1]")
        self.ttft = int(ttft * SECOND)
        self.batch = batch
        self.margin = margin
        self.late = late
        self._time = StepTime()
        self._sunk: set[int] = set()  # cannot meet their deadline any more
        self._immune: set[int] = set()  # were stopped once

    # ---- roles

    def key(self, seq: SequenceView) -> tuple[bool, Nanoseconds]:
        return (seq.id in self._sunk, self.deadline(seq))

    def victim(self, step: StepView, need: SequenceView, running: Iterable[SequenceView]) -> SequenceView | None:
        """By the same order as service: were it another, two sequences could take memory from each other forever."""
        worst = max(running, key=lambda seq: self._rank(seq, step.now), default=need)
        return worst if self._rank(worst, step.now) > self._rank(need, step.now) else None

    def compose(self, step: StepView) -> None:
        step.decode_all()
        chosen = self._choose(step)
        for seq in step.prefills():
            if seq.open and seq.id not in {member.id for member in chosen}:
                self._immune.add(seq.id)
                step.preempt(seq, Fate.HOLD)
        for seq in chosen:
            grant = step.insist(seq) if seq.seated else step.run(seq)
            if not grant and grant.why is not Why.BUSY:
                return

    # ---- hooks

    def served(self, report: Served) -> None:
        self._time.learn(report)

    def left(self, seq: SequenceView, now: Nanoseconds) -> Nanoseconds:
        self._sunk.discard(seq.id)
        self._immune.discard(seq.id)
        return 0

    def interrupt(self, newcomer: SequenceView, flight: FlightView, now: Nanoseconds) -> bool:
        """The conservative gate: the newcomer must beat the most urgent prefill that runs."""
        runners = [seq for seq in flight.seqs if seq.first is None]
        if not runners or not self._time.known or any(seq.id in self._immune for seq in runners):
            return False
        whole, elapsed = self._time.predict(flight.work), now - flight.started
        if elapsed >= self.late * whole or self._slack(newcomer, now) < 0:
            return False
        left = whole - elapsed
        rescuable = [seq for seq in runners if self.deadline(seq) - now - left >= 0]
        urgency = max((self._closeness(seq, now) for seq in rescuable), default=0.0)
        return self._closeness(newcomer, now) > urgency * (1 + self.margin)

    # ---- choosing

    def deadline(self, seq: SequenceView) -> Nanoseconds:
        ttft = seq.slo.ttft
        return seq.arrived + (self.ttft if ttft is None else ttft)

    def _choose(self, step: StepView) -> list[SequenceView]:
        """The most urgent prefill, and those that can join it without anybody becoming late."""
        ranked = sorted(self._candidates(step), key=lambda seq: self._rank(seq, step.now))
        chosen: list[SequenceView] = []
        work, tokens = step.work, 0
        for seq in ranked:
            work, tokens = work + self._work(seq), tokens + seq.todo
            if chosen and not (tokens <= self.batch and self._in_time([*chosen, seq], work, step.now)):
                break
            chosen.append(seq)
        return chosen

    def _candidates(self, step: StepView) -> list[SequenceView]:
        running: list[SequenceView] = list(step.prefills())
        waiting = list(islice(step.waiting(), _LOOK_AHEAD)) if step.seats > 0 or running else []
        for seq in waiting:
            if seq.id not in self._sunk and self._slack(seq, step.now) < 0:
                self._sunk.add(seq.id)
                step.rekey(seq)
        return running + waiting

    def _rank(self, seq: SequenceView, now: Nanoseconds) -> tuple[bool, bool, Nanoseconds, int]:
        stopped_once = seq.id in self._immune and seq.seated
        return (not stopped_once, self._slack(seq, now) < 0, self.deadline(seq), seq.id)

    def _slack(self, seq: SequenceView, now: Nanoseconds) -> Nanoseconds:
        needed = self._time.predict(self._work(seq)) if self._time.known else 0
        return self.deadline(seq) - now - needed

    def _closeness(self, seq: SequenceView, now: Nanoseconds) -> float:
        """The magnitude of S-EDF's priority, 1 / |D - t|."""
        return 1.0 / max(1, abs(self.deadline(seq) - now))

    def _in_time(self, members: list[SequenceView], work: Work, now: Nanoseconds) -> bool:
        if not self._time.known:
            return False
        end = now + self._time.predict(work)
        return all(end <= self.deadline(seq) for seq in members)

    def _work(self, seq: SequenceView) -> Work:
        """What is left of its prefill. Its depth counts in preemption points; a suspended slab has done that part."""
        tokens = float(seq.todo)
        return Work(prefill_tokens=tokens, prefill_context=tokens * (seq.computed + tokens / 2))
