from __future__ import annotations

import pytest

from doubletime.hardware.estimate import Basis
from doubletime.hardware.known import machine
from doubletime.hardware.ops.elementwise import LAUNCH, Elementwise, datasheet
from doubletime.hardware.specs import SPECS

FIT = {"bytes": [1e3, 1e6, 1e8], "seconds": [2e-6, 2e-6, 1e-4], "inside": 0.1, "outside": 0.3, "bandwidth": 3.35e12}


def test_launches_add_up_and_share_the_bytes() -> None:
    model = Elementwise.from_json(FIT, SPECS["h100"])
    assert model.estimate(2e8, 2).seconds == pytest.approx(2 * model.estimate(1e8).seconds)
    assert model.estimate(10.0, 3) == (pytest.approx(6e-6), 0.1, Basis.INTERPOLATED)


def test_beyond_the_curve_the_error_is_that_of_extrapolation() -> None:
    found = Elementwise.from_json(FIT, SPECS["h100"]).estimate(1e9)
    assert (found.error, found.basis) == (0.3, Basis.EXTRAPOLATED)
    assert found.seconds > 1e-4


def test_another_machine_moves_the_bytes_at_its_own_bandwidth() -> None:
    own = Elementwise.from_json(FIT, SPECS["h100"]).estimate(1e8)
    faster = Elementwise.from_json(FIT, SPECS["h200"]).estimate(1e8 * 4.8 / 3.35)
    assert faster.seconds == pytest.approx(own.seconds)


def test_without_a_fit_there_are_a_launch_and_the_bandwidth() -> None:
    found = datasheet(3.35e12 * 0.7, 2, SPECS["h100"])
    assert found.seconds == pytest.approx(2 * LAUNCH + 1)
    assert found.basis is Basis.DATASHEET


@pytest.mark.parametrize("name", SPECS)
def test_small_kernels_cost_a_launch_and_large_ones_their_bytes(name: str) -> None:
    gpu = machine(name)
    assert 1e-6 < gpu.elementwise(1e4).seconds < 6e-6
    assert 0.4 < gpu.elementwise(4e8).seconds * SPECS[name].bandwidth / 4e8 < 3
    times = [gpu.elementwise(10**power).seconds for power in range(3, 11)]
    assert times == sorted(times)
