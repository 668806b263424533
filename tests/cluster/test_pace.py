from __future__ import annotations

from random import Random

import pytest

from doubletime.cluster.pace import Pace
from doubletime.core.policy import Work
from doubletime.core.vocabulary import Nanoseconds
from tests.cluster.rig import MS


def truth(work: Work) -> Nanoseconds:
    """5 ms a step, 50 µs a prompt token, 0.1 ms a decode, and a little for what they read."""
    prefill = work.prefill_tokens * 50_000 + work.prefill_context
    return round(5 * MS + prefill + work.decodes * 100_000 + work.decode_context * 10)


def drawn(random: Random) -> Work:
    tokens, start, decodes = random.randint(1, 2048), random.randint(0, 100_000), random.randint(0, 60)
    return Work(tokens, tokens * (start + tokens / 2), decodes, decodes * random.randint(100, 20_000))


def test_it_is_known_after_some_steps() -> None:
    pace = Pace(warm=3)
    for count in range(3):
        assert not pace.known
        pace.learn(Work(100 + count, 100), MS)
    assert pace.known


def test_it_finds_what_steps_cost() -> None:
    pace, random = Pace(), Random(1)
    for _ in range(300):
        work = drawn(random)
        pace.learn(work, round(truth(work) * random.uniform(0.97, 1.03)))
    for _ in range(100):
        work = drawn(random)
        assert pace.predict(work) == pytest.approx(truth(work), rel=0.05)


def test_equal_steps_teach_no_more_than_their_sum_and_are_predicted() -> None:
    pace, work = Pace(), Work(2048, 2048 * 1024, 4, 4000)
    for _ in range(50):
        pace.learn(work, truth(work))
    assert pace.predict(work) == pytest.approx(truth(work), rel=0.01)


def test_it_forgets_what_was() -> None:
    pace, random = Pace(forget=0.99), Random(2)
    for step in range(2000):
        work = drawn(random)
        pace.learn(work, truth(work) * (3 if step < 1000 else 1))
    work = drawn(random)
    assert pace.predict(work) == pytest.approx(truth(work), rel=0.05)


def test_it_stays_sound_over_a_very_long_run_of_equal_steps() -> None:
    """A recursive update with forgetting winds up here; weights that grow must not overflow either."""
    pace, random = Pace(forget=0.98), Random(3)
    work = Work(2048, 2048 * 1024)
    for _ in range(40_000):
        pace.learn(work, round(truth(work) * random.uniform(0.97, 1.03)))
    assert pace.predict(work) == pytest.approx(truth(work), rel=0.03)
    assert pace.predict(Work(1024, 1024 * 512)) == pytest.approx(truth(Work(1024, 1024 * 512)), rel=0.3)


def test_no_prediction_is_far_below_the_fastest_step() -> None:
    pace = Pace()
    for tokens in (1000, 2000) * 5:
        pace.learn(Work(tokens, 0.0), (tokens - 500) * 10_000)
    assert pace.predict(Work(500, 0.0)) == 5 * MS // 4
