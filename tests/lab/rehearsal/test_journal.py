"""Gaps between tokens are counted from runs of steps, and leaps count like the steps that they stand for."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from doubletime.core.events import Arrive, Request, Result
from doubletime.core.flight import Flight
from doubletime.core.plan import Plan
from doubletime.core.policy import Work
from doubletime.core.scheduler import Scheduler
from doubletime.core.vocabulary import DepthMap, GroupKind, KVGroup, Limits, Slab
from doubletime.lab.observer import Observer
from doubletime.lab.rehearsal.journal import Journal
from doubletime.lab.rehearsal.steps import StepRecord

US = 1_000
LIMITS = Limits((KVGroup((0,), GroupKind.FULL, 4, 64),), (16,), DepthMap(2, 2), 4, 32, 64)


class Story:
    """Plans and results told to a journal."""

    def __init__(self) -> None:
        self.steps: list[StepRecord] = []
        self.observer = Observer()
        self.journal = Journal(0, self.observer, self.steps.append)
        self.scheduler = Scheduler(LIMITS)
        self.step = 0

    def run(self, end: int, *decodes: int, prefill: int | None = None, reached: int | None = None) -> None:
        work = (Slab(prefill, 0, 4, 0, 4, 1),) if prefill is not None else ()
        starts = tuple(5 for _ in decodes)
        plan = Plan(self.step, 0, decode_seqs=decodes, decode_starts=starts, work=work, depth=4)
        self.journal.plan(self.scheduler, plan)
        self.journal.event(self.step, Result(end * US, self.step, 1, reached))
        self.step += 1

    def leap(self, *ends: int, decodes: tuple[int, ...]) -> None:
        plan = Plan(self.step, 0, decode_seqs=decodes, decode_starts=(5,) * len(decodes), depth=4)
        self.journal.plan(self.scheduler, plan)
        flight = Flight(plan, 0, Work(), (), ())
        self.journal.leapt(self.scheduler, flight, [end * US for end in ends])
        self.step += len(ends)
        self.journal.event(self.step, Result((ends[-1] + 1) * US, self.step, 1))
        self.step += 1

    @property
    def gaps(self) -> Counter[tuple[str, int]]:
        found: Counter[tuple[str, int]] = Counter()
        for group, gap, times in self.journal.gaps():
            found[group, gap // US] += times
        return found


def test_a_gap_is_what_lies_between_two_tokens() -> None:
    story = Story()
    story.run(10, prefill=1)
    story.run(14, 1)
    story.run(20, 1)
    story.journal.completed(1, "")
    assert story.gaps == {("", 4): 1, ("", 6): 1}


def test_a_step_without_a_token_makes_one_long_gap() -> None:
    story = Story()
    story.run(10, prefill=1)
    story.run(14, prefill=2)
    story.run(20, 1, 2)
    for seq in (1, 2):
        story.journal.completed(seq, "")
    assert story.gaps == {("", 10): 1, ("", 6): 1}


def test_equal_gaps_are_counted_together_and_by_class() -> None:
    story = Story()
    story.run(10, prefill=1)
    story.run(20, 1, prefill=2)
    story.run(30, 1, 2)
    story.journal.completed(1, "chat")
    story.journal.completed(2, "batch")
    assert story.gaps == {("chat", 10): 2, ("batch", 10): 1}


def test_who_was_not_completed_has_no_gaps() -> None:
    story = Story()
    story.run(10, prefill=1)
    story.run(20, 1)
    story.journal.forget(1)
    story.journal.forget(99)
    assert not story.gaps


def test_a_stopped_step_gives_tokens_only_above_the_depth_reached() -> None:
    story = Story()
    story.run(10, prefill=1)
    story.run(15, 1, reached=2)
    story.run(20, 1)
    story.journal.completed(1, "")
    assert story.gaps == {("", 10): 1}


def test_a_leap_counts_like_its_steps() -> None:
    story = Story()
    story.run(10, prefill=1)
    story.leap(12, 15, 19, decodes=(1,))
    story.journal.completed(1, "")
    assert story.gaps == {("", 2): 1, ("", 3): 1, ("", 4): 1, ("", 1): 1}
    assert story.observer.facts().steps == 1 + 3 + 1


def test_steps_are_kept_with_what_the_engine_held() -> None:
    story = Story()
    story.scheduler.apply(Arrive(0, Request(1, 4, 4)))
    story.run(10, prefill=1)
    story.leap(12, 15, decodes=(1,))
    first, leap, last = story.steps
    assert (first.start, first.end, first.decodes, first.prefill_tokens, first.waiting) == (0, 10 * US, 0, 4, 1)
    assert (leap.start, leap.end, leap.count, leap.decodes, leap.blocks) == (10 * US, 15 * US, 2, 1, 16)
    assert (last.start, last.end, last.count) == (15 * US, 16 * US, 1)


def test_the_sample_of_plans_stays_small_and_even() -> None:
    story = Story()
    for end in range(1, 1001):
        story.run(end, 1)
    steps = [plan.step for plan in story.journal.sample]
    assert 32 <= len(steps) < 64
    assert max(steps) > 900
    assert len({after - before for before, after in pairwise(steps)}) == 1
