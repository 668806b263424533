"""A step that was dispatched and whose result has not been handled."""

from __future__ import annotations

from dataclasses import dataclass, field

from doubletime.core.memory import Detached
from doubletime.core.plan import Plan
from doubletime.core.policy import Work
from doubletime.core.sequence import Sequence
from doubletime.core.vocabulary import Nanoseconds, Slab


@dataclass(slots=True)
class Flight:
    """`limbo` are blocks of sequences that ended or were preempted while in this step."""

    plan: Plan
    started: Nanoseconds
    work: Work
    decodes: tuple[Sequence, ...]
    slabs: tuple[tuple[Sequence, Slab], ...]
    revoked: bool = False
    stop_asked: bool = False
    limbo: list[Detached] = field(default_factory=list)

    @property
    def step(self) -> int:
        return self.plan.step

    @property
    def pure(self) -> bool:
        """Nothing but decodes: the next step could be the same."""
        return not self.slabs and not self.plan.preempted and self.plan.wake is None

    @property
    def seqs(self) -> tuple[Sequence, ...]:
        return self.decodes + tuple(seq for seq, _ in self.slabs)
