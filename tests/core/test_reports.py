from __future__ import annotations

from doubletime.core.default import Default
from doubletime.core.events import Request, Result
from doubletime.core.flight import Flight
from doubletime.core.plan import Plan
from doubletime.core.policy import Policy, Served, Work
from doubletime.core.reports import Reports
from doubletime.core.sequence import Sequence
from doubletime.core.stack import Stack
from doubletime.core.vocabulary import Slab


class Listener(Policy):
    def __init__(self) -> None:
        self.reports: list[Served] = []

    def served(self, report: Served) -> None:
        self.reports.append(report)


def flight(decodes: int = 1, prefill: float = 0.0) -> Flight:
    seqs = tuple(Sequence(i, Request(i, 4, 4), 0, 1) for i in range(decodes))
    slabs = tuple((Sequence(9 + i, Request(9 + i, 4, 4), 0, 1), Slab(9 + i, 0, 4, 0, 8, i)) for i in range(2))
    return Flight(Plan(0, 0), 0, Work(prefill, prefill, decodes, 10), seqs, slabs if prefill else ())


def test_steps_of_a_run_are_reported_together() -> None:
    listener = Listener()
    reports = Reports(Stack((listener,), Default()), 8)
    reports.ended(flight(), Result(5, 0, 2), 5, more=True)
    assert listener.reports == []
    reports.ended(flight(), Result(8, 1, 3), 8, more=False)
    (report,) = listener.reports
    assert (report.now, report.steps, report.duration, report.work, report.stopped) == (
        8,
        2,
        5,
        Work(0, 0, 2, 20),
        False,
    )
    reports.ended(flight(), Result(9, 2, 1), 9, more=False)
    assert (listener.reports[1].steps, listener.reports[1].duration) == (1, 1)


def test_flushing_reports_what_there_is_and_nothing_twice() -> None:
    listener = Listener()
    reports = Reports(Stack((listener,), Default()), 8)
    reports.flush(1)
    assert listener.reports == []
    reports.ended(flight(), Result(5, 0, 2), 5, more=True)
    reports.flush(6)
    reports.flush(7)
    assert [report.now for report in listener.reports] == [6]


def test_those_that_sampled_are_named() -> None:
    listener = Listener()
    Reports(Stack((listener,), Default()), 8).ended(flight(2, 3.0), Result(5, 0, 2), 5, more=False)
    assert [seq.id for seq in listener.reports[0].sampled] == [0, 1, 10], "9 had a slab without a sample"


def test_a_stopped_step_did_a_share_of_its_prefill() -> None:
    listener = Listener()
    Reports(Stack((listener,), Default()), 8).ended(flight(1, 4.0), Result(5, 0, 2, reached=2), 5, more=False)
    (report,) = listener.reports
    assert (report.stopped, report.sampled) == (True, ())
    assert report.work == Work(1.0, 1.0, 1, 10)


def test_nothing_is_collected_if_nobody_listens() -> None:
    reports = Reports(Stack((Default(),), Default()), 8)
    reports.ended(flight(), Result(5, 0, 2), 5, more=True)
    assert reports._steps == 0
