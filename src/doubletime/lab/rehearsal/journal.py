"""What one replica's steps tell: the gaps between tokens, and what each step held. A `cluster.replica.Watcher`."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Row
from itertools import accumulate, islice, pairwise

from doubletime.core.events import Event, Result
from doubletime.core.flight import Flight
from doubletime.core.plan import Plan
from doubletime.core.scheduler import Scheduler
from doubletime.core.vocabulary import Nanoseconds
from doubletime.lab.observer import Observer
from doubletime.lab.rehearsal.steps import StepRecord

_SAMPLE = 64  # plans

Keep = Callable[[StepRecord], object]


class Journal:
    """Tokens come with results, so a sequence's tokens are runs of results, by number, each of which gave it one.

    When a request is completed its runs are counted into the gaps between results: a difference array for each class.
    """

    def __init__(self, index: int, observer: Observer, keep: Keep | None = None) -> None:
        self.index = index
        self._observer = observer
        self._keep = keep
        self._ends = array("q")  # of results, by number
        self._runs: dict[int, list[int]] = {}  # sequence → first, last, first, last …
        self._steps: dict[int, tuple[Plan, tuple[int, int, int, int]]] = {}  # in flight, with what the engine held
        self._changes: dict[str, array[int]] = {}  # class → by number: how many more have a gap before this result
        self._breaks: list[tuple[str, Nanoseconds]] = []  # gaps between runs
        self.sample: list[Plan] = []  # one plan in so many, evenly over all
        self._stride, self._planned = 1, 0

    # ---- steps

    def event(self, step: int, event: Event) -> None:
        self._observer.event(step, event)
        if isinstance(event, Result):
            self._result(event)

    def plan(self, scheduler: Scheduler, plan: Plan) -> None:
        self._observer.plan(scheduler, plan)
        if plan.decode_seqs or plan.work:
            self._steps[plan.step] = (plan, self._held(scheduler))
            self._taste(plan, 1)

    def leapt(self, scheduler: Scheduler, flight: Flight, ends: Row[Nanoseconds]) -> None:
        rounds = len(ends)
        self._taste(flight.plan, rounds)
        self._observer.leapt(rounds)
        if self._keep:
            self._record(flight.plan, self._held(scheduler), ends[-1], rounds)
        self._steps = {step + rounds: held for step, held in self._steps.items()}
        self._sampled(flight.plan.decode_seqs, rounds)
        self._ends.extend(ends)

    def _result(self, result: Result) -> None:
        plan, held = self._steps.pop(result.step)
        if self._keep:
            self._record(plan, held, result.time, 1)
        if not (result.revoked or result.failed):
            self._sampled(_sampling(plan, result.reached), 1)
        self._ends.append(result.time)

    def _sampled(self, seqs: tuple[int, ...], rounds: int) -> None:
        """These got a token with each of the next `rounds` results."""
        runs, number = self._runs, len(self._ends)
        last = number + rounds - 1
        for seq in seqs:
            own = runs.get(seq)
            if own is None:
                runs[seq] = [number, last]
            elif own[-1] == number - 1:
                own[-1] = last
            else:
                own += (number, last)

    def _taste(self, plan: Plan, steps: int) -> None:
        before, self._planned = self._planned, self._planned + steps
        self.sample += [plan] * (self._planned // self._stride - before // self._stride)
        while len(self.sample) >= _SAMPLE:
            self.sample, self._stride = self.sample[1::2], self._stride * 2

    def _held(self, scheduler: Scheduler) -> tuple[int, int, int, int]:
        if self._keep is None:
            return (0, 0, 0, 0)
        roster, pool = scheduler.roster, scheduler.memory.pools[0]
        return len(roster.running), len(roster.waiting), pool.held, pool.count

    def _record(self, plan: Plan, held: tuple[int, int, int, int], end: Nanoseconds, count: int) -> None:
        assert self._keep is not None
        start = max(plan.now, self._ends[-1]) if self._ends else plan.now
        decodes = len(plan.decode_seqs)
        self._keep(StepRecord(self.index, plan.step, start, end, count, decodes, plan.rows - decodes, *held))

    # ---- gaps

    def completed(self, seq: int, group: str) -> None:
        """A sequence is completed: its gaps count, for `group`."""
        runs = self._runs.pop(seq)
        changes = self._changes.setdefault(group, array("q"))
        changes.extend([0] * (len(self._ends) + 1 - len(changes)))
        for first, last in zip(runs[::2], runs[1::2], strict=True):
            changes[first + 1] += 1
            changes[last + 1] -= 1
        for last, first in zip(runs[1::2], runs[2::2], strict=False):
            self._breaks.append((group, self._ends[first] - self._ends[last]))

    def forget(self, seq: int) -> None:
        """A sequence ended otherwise."""
        self._runs.pop(seq, None)

    def gaps(self) -> Iterator[tuple[str, Nanoseconds, int]]:
        """(group, gap between tokens to the microsecond, how many had it), of all that completed."""
        for group, gap in self._breaks:
            yield group, rounded(gap), 1
        gaps = [rounded(after - before) for before, after in pairwise(self._ends)]
        for group, changes in self._changes.items():
            running = islice(accumulate(changes), 1, None)
            for (count, gap), times in Counter(zip(running, gaps, strict=False)).items():
                if count:
                    yield group, gap, count * times


def rounded(gap: Nanoseconds) -> Nanoseconds:
    """Millions of gaps are counted: equal ones together, so to the microsecond."""
    return (gap + 500) // 1000 * 1000


def _sampling(plan: Plan, reached: int | None) -> tuple[int, ...]:
    """The sequences that a step gave a token."""
    decodes = plan.decode_seqs if reached is None else ()
    if not plan.work:
        return decodes
    return decodes + tuple(
        slab.seq for slab in plan.work if slab.samples and (reached is None or slab.bottom <= reached)
    )
