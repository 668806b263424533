from __future__ import annotations

import math

import pytest

from doubletime.hardware.estimate import Basis
from doubletime.hardware.residual import Fit, smooth_max
from doubletime.hardware.trees import Trees

DOUBLES_ABOVE_TWO = Trees(0.0, [([0, -1, -1], [2.0, 0.0, math.log(2)], [1, 0, 0], [2, 0, 0])])
FIT = Fit((), DOUBLES_ABOVE_TWO, low=(0.0,), high=(4.0,), inside=0.03, outside=0.08)


def test_inside_the_box_the_residual_multiplies_the_base() -> None:
    found = FIT.estimate(1.0, [3.0])
    assert found.seconds == pytest.approx(2.0)
    assert (found.error, found.basis) == (0.03, Basis.INTERPOLATED)


@pytest.mark.parametrize(("feature", "seconds"), [(-5.0, 1.0), (9.0, 2.0)])
def test_beyond_the_box_only_the_base_extrapolates(feature: float, seconds: float) -> None:
    found = FIT.estimate(1.0, [feature])
    assert found.seconds == pytest.approx(seconds)
    assert (found.error, found.basis) == (0.08, Basis.EXTRAPOLATED)


def test_the_smooth_maximum_lies_between_the_maximum_and_the_sum() -> None:
    assert 3.0 < smooth_max(3.0, 2.0, p=2.0) < 5.0
    assert smooth_max(3.0, 2.0, p=1.0) == pytest.approx(5.0)
    assert smooth_max(3.0, 2.0, p=60.0) == pytest.approx(3.0)
