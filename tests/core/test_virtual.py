from __future__ import annotations

from doubletime.core.events import Event, Ready, Result, Timer
from doubletime.core.virtual import VirtualSource


class Machine:
    """Ends one step at a time."""

    def __init__(self, ends_at: int | None) -> None:
        self.ends_at = ends_at

    def land(self, now: int) -> Result:
        self.ends_at = None
        return Result(now, 0, 1)


def take(source: VirtualSource, wake: int | None = None) -> list[Event] | None:
    events = source.take(wake)
    return None if events is None else list(events)


def test_without_anything_to_come_there_is_no_more() -> None:
    source = VirtualSource()
    assert source.now == 0
    assert take(source) is None
    source.executor = Machine(None)
    assert take(source) is None


def test_posted_events_come_in_the_order_of_their_times_and_together_when_equal() -> None:
    a, b, c, d = Ready(5, 1), Ready(3, 2), Ready(5, 3), Ready(9, 4)
    source = VirtualSource([a, b])
    source.post(c)
    source.post(d)
    assert take(source) == [b]
    assert source.now == 3
    assert take(source) == [a, c]
    assert take(source) == [d]
    assert take(source) is None


def test_at_the_same_time_posted_comes_before_the_result_and_that_before_the_timer() -> None:
    source = VirtualSource([Ready(5, 1)])
    source.executor = Machine(5)
    assert take(source, wake=5) == [Ready(5, 1)]
    assert take(source, wake=5) == [Result(5, 0, 1)]
    assert take(source, wake=5) == [Timer(5)]
    assert source.now == 5


def test_whatever_is_first_comes_first() -> None:
    source = VirtualSource([Ready(7, 1)])
    source.executor = Machine(5)
    assert take(source, wake=6) == [Result(5, 0, 1)]
    assert take(source, wake=6) == [Timer(6)]
    assert take(source, wake=8) == [Ready(7, 1)]


def test_time_never_goes_back() -> None:
    source = VirtualSource([Ready(9, 1)])
    take(source)
    source.post(Ready(2, 2))
    assert take(source) == [Ready(2, 2)]
    assert source.now == 9
    assert take(source, wake=4) == [Timer(9)]


def test_refusals_are_kept() -> None:
    source = VirtualSource()
    source.refused(3, "too long")
    assert source.refusals == [(3, "too long")]
