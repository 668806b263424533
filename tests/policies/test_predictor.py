from __future__ import annotations

import pytest

from doubletime.core.policy import Served, Work
from doubletime.core.vocabulary import SECOND
from doubletime.policies.shared.predictor import StepTime


def seconds(work: Work) -> float:
    return (
        0.002
        + 1e-4 * work.prefill_tokens
        + 1e-8 * work.prefill_context
        + 2e-4 * work.decodes
        + 1e-7 * work.decode_context
    )


def works() -> list[Work]:
    return [Work(p, p * (p / 2 + c), d, d * c) for p in (0, 16, 64, 200, 512) for d in (0, 1, 8, 30) for c in (10, 300)]


def served(work: Work, steps: int = 1, stopped: bool = False) -> Served:
    total = sum([work] * steps, Work())
    return Served(0, steps, int(seconds(work) * SECOND) * steps, total, (), stopped)


def test_it_learns_a_linear_machine() -> None:
    time = StepTime()
    for _ in range(4):
        for work in works():
            time.learn(served(work))
    for work in works():
        assert time.predict(work) / SECOND == pytest.approx(seconds(work), rel=0.02)


def test_a_run_of_equal_steps_counts_as_one_of_them() -> None:
    one, many = StepTime(), StepTime()
    for work in works():
        one.learn(served(work))
        many.learn(served(work, steps=7))
    assert many.seen == one.seen == len(works())
    assert many.predict(works()[9]) == pytest.approx(one.predict(works()[9]), rel=1e-3)


def test_it_is_unknown_until_it_is_warm() -> None:
    time = StepTime(warm=2)
    assert not time.known
    time.learn(served(works()[3]))
    assert not time.known
    time.learn(served(works()[4]))
    assert time.known


def test_stopped_and_empty_reports_teach_nothing() -> None:
    time = StepTime()
    time.learn(served(works()[3], stopped=True))
    time.learn(Served(0, 0, 0, Work(), ()))
    assert time.seen == 0


def test_it_follows_a_machine_that_changes() -> None:
    time = StepTime()
    for factor in (1, 3):
        for _ in range(20):
            for work in works():
                time.learn(Served(0, 1, int(factor * seconds(work) * SECOND), work, ()))
    assert time.predict(works()[20]) / SECOND == pytest.approx(3 * seconds(works()[20]), rel=0.05)


def test_time_is_never_negative() -> None:
    time = StepTime()
    for tokens in (100, 200, 300):
        time.learn(Served(0, 1, SECOND // tokens, Work(tokens, tokens, 0, 0), ()))
    assert time.predict(Work(10_000, 10_000, 0, 0)) >= 0
