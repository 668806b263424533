from __future__ import annotations

import pytest

from doubletime.hardware.ops.curve import Curve

CURVE = Curve([1e3, 1e5, 1e6], [4e-6, 4e-6, 16e-6])


def test_points_are_met_and_below_the_first_time_is_constant() -> None:
    assert [CURVE.read(size).seconds for size in (0, 1, 1e3, 1e5, 1e6)] == pytest.approx(
        [4e-6, 4e-6, 4e-6, 4e-6, 16e-6]
    )


def test_between_points_it_is_straight_on_logarithmic_axes() -> None:
    assert CURVE.read(1e5 * 10**0.5).seconds == pytest.approx(8e-6)


def test_beyond_the_last_point_time_grows_at_the_last_bandwidth() -> None:
    found = CURVE.read(2e6)
    assert found.seconds == pytest.approx(16e-6 + 1e6 * 12e-6 / 9e5)
    assert not found.measured
    assert CURVE.read(1e6).measured


def test_beyond_the_last_point_a_bandwidth_can_be_given() -> None:
    assert Curve([1e3, 1e6], [4e-6, 16e-6], 1e12).read(3e6).seconds == pytest.approx(18e-6)


def test_a_larger_size_is_never_quicker() -> None:
    times = [CURVE.read(size).seconds for size in range(1, 3_000_000, 20_011)]
    assert times == sorted(times)
