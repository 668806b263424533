"""A request's way through a fleet: a leg for each engine that has served it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from doubletime.core.events import Request
from doubletime.core.sequence import Sequence
from doubletime.core.vocabulary import SLO, Nanoseconds

if TYPE_CHECKING:
    from doubletime.cluster.replica import Replica


@dataclass(slots=True)
class Leg:
    """What one engine did for a request, which has the id `id` there. Filled in when it ends there."""

    id: int
    replica: Replica
    output: int = 0
    first: Nanoseconds | None = None
    last: Nanoseconds | None = None


@dataclass(slots=True)
class Course:
    """`output`, and the times of the first slab, the first and the last token, are over all legs that have ended.

    `lost` are the tokens of KV that a failure took since the last leg.
    """

    request: Request
    arrived: Nanoseconds
    legs: list[Leg] = field(default_factory=list)
    output: int = 0
    first_slab: Nanoseconds | None = None
    first: Nanoseconds | None = None
    last: Nanoseconds | None = None
    lost: int = 0

    @property
    def leg(self) -> Leg:
        return self.legs[-1]

    @property
    def tokens(self) -> int:
        """Prompt and sampled."""
        return self.request.prompt + self.output

    @property
    def started(self) -> bool:
        """Some of it has run."""
        if self.first_slab is not None or not self.legs:
            return self.first_slab is not None
        seq = self.leg.replica.scheduler.roster.sequences.get(self.leg.id)
        return seq is not None and seq.first_slab is not None

    @property
    def left(self) -> int:
        """Most tokens that are still to be sampled."""
        return self.request.limit - self.output

    def rest(self, new_id: int) -> Request:
        """What the next engine is asked for: what was sampled counts as prompt. The first one gets it as it came."""
        if not self.legs:
            return self.request
        slo = SLO(None if self.output else self.request.slo.ttft, self.request.slo.tpot)
        return replace(self.request, id=new_id, prompt=self.tokens, limit=self.left, slo=slo)

    def end_leg(self, seq: Sequence) -> None:
        """The engine that is on it has stopped serving it."""
        leg = self.leg
        leg.output, leg.first, leg.last = seq.output, seq.first, seq.last
        self.first_slab = seq.first_slab if self.first_slab is None else self.first_slab
        self.first = seq.first if self.first is None else self.first
        if seq.output:
            self.output += seq.output
            self.last = seq.last

    def breaks(self) -> list[Nanoseconds]:
        """Gaps between the last token of one engine and the first of the next."""
        legs = [leg for leg in self.legs if leg.output]
        return [
            after.first - before.last
            for before, after in pairwise(legs)
            if after.first is not None and before.last is not None
        ]
