"""The steps in flight, and the last ones that have ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from doubletime.core.events import Result
from doubletime.core.plan import Plan
from doubletime.core.vocabulary import SECOND, Nanoseconds
from doubletime.engine.monitor.messages import StepRow

KEPT = 100  # runs of steps
SLABS = 64  # told of a step
PAUSE = 2 * SECOND // 1000  # what lies between two steps of a run at most


class Flying:
    """A step in flight. `void` are sequences that have ended since it was planned: their tokens do not count.

    `repeats`: it decodes who decoded in the plan before, but for those that have ended.
    """

    __slots__ = ("plan", "repeats", "void")

    def __init__(self, plan: Plan, repeats: bool) -> None:
        self.plan = plan
        self.repeats = repeats
        self.void: frozenset[int] = frozenset()

    @property
    def decodes(self) -> int:
        """Tokens that its decodes sample."""
        seqs = self.plan.decode_seqs
        return len(seqs) - len(self.void.intersection(seqs)) if self.void else len(seqs)


class Run:
    """Steps that one row tells of: one, or several that only decode the same sequences."""

    __slots__ = ("_plan", "_start", "_steps", "end", "step")

    def __init__(self, plan: Plan, start: Nanoseconds, end: Nanoseconds) -> None:
        self._plan = plan
        self._start, self.end = start, end
        self.step, self._steps = plan.step, 1

    def takes(self, plan: Plan, start: Nanoseconds, end: Nanoseconds) -> bool:
        """Goes on with a step that does the same again without a pause; False, and nothing, if it does not."""
        ours = self._plan
        if plan.work or ours.work or start > self.end + PAUSE or plan.decode_seqs != ours.decode_seqs:
            return False
        self.step, self.end = plan.step, end
        self._steps += 1
        return True

    def row(self) -> StepRow:
        """Where a step has many slabs, its prefills go first."""
        plan = self._plan
        work = plan.work[:SLABS]
        left = SLABS - len(work)
        return StepRow(
            self.step, self._start, self.end - self._start, len(plan.decode_seqs), plan.rows - len(plan.decode_seqs),
            plan.decode_seqs[:left], plan.decode_starts[:left], work, self._steps,
        )  # fmt: skip


class Trail:
    """Plans are kept as they are: nothing is worked out until somebody looks."""

    def __init__(self) -> None:
        self._flying: deque[Flying] = deque()
        self._past: deque[Run] = deque(maxlen=KEPT)
        self._told = False  # the last of them
        self._until: Nanoseconds = 0  # when the last step ended, as far as one can tell

    def dispatched(self, plan: Plan, repeats: bool) -> None:
        self._flying.append(Flying(plan, repeats))

    def repeats(self, at: int) -> bool:
        """Whether the step in flight that so many others are before repeats the one before it."""
        return self._flying[at].repeats

    def landed(self, result: Result) -> Flying:
        """The oldest step in flight has ended. It began when the one before had ended: results may be told late."""
        flying = self._flying.popleft()
        start = max(self._until, result.time - result.duration)
        self._until = start + result.duration
        self._passed(flying.plan, start)
        return flying

    def void(self, seqs: Iterable[int]) -> None:
        """These have ended; what is in flight of them is void."""
        for flying in self._flying:
            flying.void = flying.void.union(seqs)

    def rows(self, after: int) -> Iterator[StepRow]:
        """The last steps, but for those up to `after`. What has been told grows no more: the next step is a new row."""
        self._told = True
        return (run.row() for run in self._past if run.step > after)

    def _passed(self, plan: Plan, start: Nanoseconds) -> None:
        if self._told or not self._past or not self._past[-1].takes(plan, start, self._until):
            self._past.append(Run(plan, start, self._until))
            self._told = False
