"""Rows that live for one step."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from doubletime.executors.arena import Arena


def test_what_one_step_takes_does_not_overlap() -> None:
    arena = Arena(4)
    for _ in range(3):
        arena.begin()
        taken = [arena.take(rows).fill_(value) for value, rows in enumerate((2, 1, 300, 2, 5000, 1))]
        assert [rows.shape for rows in taken] == [(2, 4), (1, 4), (300, 4), (2, 4), (5000, 4), (1, 4)]
        assert [set(rows.unique().tolist()) for rows in taken] == [{0}, {1}, {2}, {3}, {4}, {5}]


def test_equal_steps_get_the_same_rows_again() -> None:
    arena = Arena(4)
    steps = []
    for _ in range(3):
        arena.begin()
        steps.append([arena.take(8), arena.take(8)])
    assert steps[1][0] is steps[2][0]
    assert steps[1][1] is steps[2][1]


def test_views_that_are_remembered_stay_few() -> None:
    arena = Arena(1)
    arena.take(2000)
    for rows in range(1, 2000):
        arena.begin()
        assert len(arena.take(rows)) == rows
    assert len(arena._views) <= 512
