"""Least squares with a prior."""

from __future__ import annotations

import pytest

from doubletime.lab.calibrate.fit import Prior, least_squares
from doubletime.lab.least_squares import solve


def test_solve() -> None:
    assert solve([[0.0, 2.0], [1.0, 1.0]], [4.0, 3.0]) == pytest.approx([1.0, 2.0])


def test_evidence_wins_over_a_wide_prior() -> None:
    found = least_squares(lambda x: [x[0] - 5.0] * 100, [Prior(0.0, 10.0)], 0.1, 100.0)
    assert found.values == pytest.approx([5.0], abs=1e-3)
    assert found.spreads == pytest.approx([0.01], rel=0.01)


def test_without_evidence_the_prior_stays() -> None:
    found = least_squares(lambda x: [x[0] - 5.0], [Prior(0.0, 1.0), Prior(2.0, 0.5)], 0.1, 1.0)
    assert found.values[1] == 2.0
    assert found.spreads[1] == pytest.approx(0.5)


def test_an_outlier_pulls_no_harder_than_the_tail() -> None:
    found = least_squares(lambda x: [x[0] - 1.0] * 20 + [x[0] - 1000.0], [Prior(0.0, 100.0)], 0.1, 0.2)
    assert found.values == pytest.approx([1.0], abs=0.02)


def test_a_parameter_keeps_its_bound() -> None:
    found = least_squares(lambda x: [x[0] + 5.0] * 100, [Prior(1.0, 10.0, 0.0)], 0.1, 100.0)
    assert found.values == [0.0]
