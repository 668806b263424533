"""Open and closed loops: who is due when."""

from __future__ import annotations

from doubletime.core.vocabulary import SECOND
from doubletime.lab.workload.feed import Feed, Ticket
from doubletime.lab.workload.job import Job, Session, Workload


def feed(*sessions: Session, users: int | None = None) -> Feed:
    return Feed(Workload("test", lambda: iter(sessions), concurrency=users))


def prompts(tickets: list[Ticket]) -> list[int]:
    return [ticket.job.prompt for ticket in tickets]


def test_an_open_loop_waits_for_nobody() -> None:
    loop = feed(Session(0, (Job(1, 1),)), Session(5, (Job(2, 1),)), Session(5, (Job(3, 1),)), Session(9, (Job(4, 1),)))
    assert loop.next_due() == 0
    first = loop.take(0)
    assert prompts(first) == [1]
    assert loop.next_due() == 5
    late = loop.take(7)
    assert [(ticket.number, ticket.due) for ticket in late] == [(1, 5), (2, 5)]
    last = loop.take(9)
    assert loop.next_due() is None
    for ticket in first + late + last:
        assert not loop.over
        loop.answered(ticket, 20)
    assert loop.over


def test_a_turn_waits_for_the_answer_and_thinks() -> None:
    loop = feed(Session(3, (Job(1, 1), Job(2, 1, think=10), Job(3, 1, think=1, offset=100))))
    (first,) = loop.take(3)
    assert loop.next_due() is None
    loop.answered(first, 20)
    assert loop.next_due() == 30
    assert loop.take(29) == []
    (second,) = loop.take(31)
    assert (second.due, second.job.prompt) == (30, 2)
    loop.answered(second, 40)
    assert loop.next_due() == 103  # not before its time in the session
    (third,) = loop.take(103)
    assert not third.jobs_left
    loop.answered(third, 104)
    assert loop.over


def test_a_failed_turn_ends_its_session() -> None:
    loop = feed(Session(0, (Job(1, 1), Job(2, 1))))
    (first,) = loop.take(0)
    loop.answered(first, 5, go_on=False)
    assert loop.over
    assert loop.next_due() is None


def test_a_closed_loop_keeps_so_many_busy() -> None:
    loop = feed(*(Session(0, (Job(n, 1), Job(10 + n, 1))) for n in (1, 2, 3)), users=2)
    one, two = loop.take(0)
    assert prompts([one, two]) == [1, 2]
    loop.answered(two, SECOND)
    (again,) = loop.take(SECOND)
    assert again.job.prompt == 12
    loop.answered(again, 2 * SECOND)
    (third,) = loop.take(2 * SECOND)
    assert (third.job.prompt, third.due) == (3, 2 * SECOND)
    for ticket in (one, third):
        loop.answered(ticket, 3 * SECOND)
    for ticket in loop.take(3 * SECOND):
        loop.answered(ticket, 4 * SECOND)
    assert loop.over


def test_an_empty_workload_is_over_at_once() -> None:
    assert feed().over
    assert feed(users=3).next_due() is None


def test_sessions_are_read_as_they_are_needed() -> None:
    read = []

    def endless():  # type: ignore[no-untyped-def]
        for number in range(10**9):
            read.append(number)
            yield Session(number, (Job(1, 1),))

    loop = Feed(Workload("endless", endless))
    assert len(loop.take(10)) == 11
    assert len(read) == 12
