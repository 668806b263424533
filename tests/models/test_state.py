"""States are cut and joined by rows."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from doubletime.models import State, join


def state(rows: int) -> State:
    return State(torch.randn(rows, 4), (torch.randn(rows, 2, 3), torch.arange(rows)))


def test_what_is_cut_is_joined_again() -> None:
    whole = state(7)
    again = join([whole.take(0, 2), whole.take(2, 3), whole.take(3, 7)])
    assert torch.equal(again.hidden, whole.hidden)
    assert all(torch.equal(one, other) for one, other in zip(again.extra, whole.extra, strict=True))


def test_a_part_is_a_view_and_a_copy_is_not() -> None:
    whole = state(5)
    assert whole.take(1, 3).hidden.data_ptr() == whole.hidden[1].data_ptr()
    assert whole.take(1, 3).copy().hidden.untyped_storage().nbytes() == 2 * 4 * 4
    assert join([whole]) is whole
    assert whole.rows == 5
