"""Costs on a grid: exact at its points, linear between, never falling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubletime.hardware.estimate import Basis, Estimate
from doubletime.hardware.grid import Grid, doubling


def measured(seconds: float, basis: Basis = Basis.TABLE) -> Estimate:
    return Estimate(seconds, 0.01 * (1 + basis), basis)


def test_it_is_exact_at_its_points_and_linear_between() -> None:
    grid = Grid(((1, 2, 4), (0, 10)), lambda x, y: measured(x * x + y))
    assert grid.at(2, 10) == 14
    assert grid.at(3, 0) == pytest.approx(10)
    assert grid.at(3, 5) == pytest.approx(15)


def test_beyond_the_last_point_the_last_slope_goes_on_and_before_the_first_nothing_changes() -> None:
    grid = Grid(((1, 2, 4),), lambda x: measured(x * x))
    assert grid.at(5) == pytest.approx(22)
    assert grid.at(0.5) == 1


def test_a_dip_of_the_measurements_is_filled() -> None:
    grid = Grid(((1, 2, 3, 4),), lambda x: measured({1: 1.0, 2: 3.0, 3: 2.0, 4: 5.0}[x]))
    assert [grid.at(x) for x in (1, 2, 3, 4)] == [1, 3, 3, 5]


def test_an_open_grid_keeps_it() -> None:
    grid = Grid(((1, 2, 3, 4),), lambda x: measured({1: 1.0, 2: 3.0, 3: 2.0, 4: 5.0}[x]), closed=False)
    assert grid.at(3) == 2


def test_an_estimate_is_as_trusted_as_the_worst_corner_that_takes_part() -> None:
    grid = Grid(((1, 2, 4),), lambda x: measured(x, Basis.EXTRAPOLATED if x > 2 else Basis.TABLE))
    assert grid.estimate(2).basis is Basis.TABLE
    assert grid.estimate(3) == Estimate(3.0, 0.03, Basis.EXTRAPOLATED)


def test_only_the_points_around_are_computed() -> None:
    asked: list[float] = []

    def price(x: float) -> Estimate:
        asked.append(x)
        return measured(x)

    grid = Grid((range(100),), price, closed=False)
    grid.at(50.5)
    assert asked == [50, 51]


@given(
    st.lists(st.floats(0, 10), min_size=12, max_size=12),
    st.tuples(st.floats(0, 2), st.floats(0, 2)),
    st.tuples(st.floats(0, 1), st.floats(0, 2)),
)
def test_it_never_falls(noise: list[float], x: tuple[float, float], step: tuple[float, float]) -> None:
    grid = Grid(
        ((0, 1, 3), (0, 1, 2, 4)),
        lambda a, b: measured(noise[4 * (0, 1, 3).index(int(a)) + (0, 1, 2, 4).index(int(b))]),
    )
    assert grid.at(x[0] + step[0], x[1] + step[1]) >= grid.at(*x) * (1 - 1e-12)


def test_doubling_has_evenly_spaced_steps() -> None:
    assert doubling(4, 16, 2) == (4, 6, 8, 12, 16)
    assert doubling(1, 5) == (1, 2, 4, 8)
