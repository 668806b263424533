from __future__ import annotations

import pytest

from doubletime.lab.least_squares import ridge, solve


def test_it_solves_a_system_that_needs_pivots() -> None:
    assert solve([[0.0, 2.0], [4.0, 1.0]], [6.0, 11.0]) == pytest.approx([2.0, 3.0])


def test_a_singular_system_is_an_error() -> None:
    with pytest.raises(ZeroDivisionError):
        solve([[1.0, 2.0], [2.0, 4.0]], [1.0, 2.0])


def test_it_finds_the_line_that_the_rows_lie_on() -> None:
    rows = [[1.0, x, 1e6 * x * x] for x in (1.0, 2.0, 5.0, 9.0)]
    targets = [3 + 2 * x + 0.5 * x * x for _, x, _ in rows]
    assert ridge(rows, targets) == pytest.approx([3, 2, 0.5e-6], rel=1e-4)


def test_what_no_row_speaks_of_stays_at_its_prior() -> None:
    found = ridge([[1.0, 0.0], [2.0, 0.0]], [2.0, 4.0], prior=[1.0, 7.0], weight=1e-9)
    assert found == pytest.approx([2.0, 7.0])


def test_weight_pulls_towards_the_prior() -> None:
    free, pulled = (ridge([[1.0]], [3.0], prior=[1.0], weight=weight)[0] for weight in (1e-9, 1.0))
    assert free == pytest.approx(3.0)
    assert pulled == pytest.approx(2.0)
