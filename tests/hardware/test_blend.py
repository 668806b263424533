"""Interpolation in one cell."""

from __future__ import annotations

from itertools import product
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubletime.hardware.blend import BLENDS


@pytest.mark.parametrize("axes", BLENDS)
@given(data=st.data())
def test_every_corner_counts_by_how_near_it_is(axes: int, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.floats(0, 100), min_size=2**axes, max_size=2**axes))
    shares = data.draw(st.lists(st.floats(0, 1), min_size=axes, max_size=axes))
    corners = [corner[::-1] for corner in product((0, 1), repeat=axes)]
    weights = [prod(share if up else 1 - share for share, up in zip(shares, corner, strict=True)) for corner in corners]
    expected = sum(weight * value for weight, value in zip(weights, values, strict=True))
    assert BLENDS[axes](values, shares) == pytest.approx(expected, abs=1e-9)
