"""One rehearsal, named by plain data so that it can be handed to another process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from doubletime.core.vocabulary import SLO
from doubletime.lab.rehearsal.design import Design
from doubletime.lab.workload.job import Workload
from doubletime.lab.workload.open import open_workload

if TYPE_CHECKING:
    from doubletime.lab.rehearsal.run import Rehearsed


class Rehearse(Protocol):
    """`rehearsal.run.rehearse`, or what stands in for it: the real engine, or a made-up one in tests."""

    def __call__(
        self,
        design: Design,
        workload: Workload,
        *,
        slo: SLO = ...,
        seed: int = ...,
        keep_steps: bool = ...,
        slower: float = ...,
        progress: Callable[[int], object] = ...,
    ) -> Rehearsed: ...


@dataclass(frozen=True, slots=True)
class Cell:
    """A design under a load. `trace` as users write it; `limit`: most requests."""

    design: Design
    trace: str
    slo: SLO = SLO()
    seed: int = 0
    limit: int | None = None

    def workload(self) -> Workload:
        return open_workload(self.trace, seed=self.seed, limit=self.limit)

    def limited(self, most: int | None) -> Cell:
        """The same with at most so many requests."""
        if most is None:
            return self
        return replace(self, limit=most if self.limit is None else min(most, self.limit))

    def run(self, rehearse: Rehearse, *, keep_steps: bool = False, slower: float = 1.0) -> Rehearsed:
        return rehearse(
            self.design, self.workload(), slo=self.slo, seed=self.seed, keep_steps=keep_steps, slower=slower
        )


def virtual() -> Rehearse:
    """The rehearsal itself; imported when the first one starts."""
    from doubletime.lab.rehearsal.run import rehearse

    return rehearse
