"""What a layout refuses, and what it makes of a shape."""

from __future__ import annotations

import pytest

from doubletime.hardware.layout import Layout
from doubletime.shapes import published_shape

LLAMA = published_shape("llama-3.1-8b")
MIXTURE = published_shape("qwen3-30b-a3b")


@pytest.mark.parametrize(
    ("layout", "why"),
    [
        (Layout(tp=3), "32 heads cannot be split over 3"),
        (Layout(pp=5), "pp 5 does not divide the model's 32 layers"),
        (Layout(ep=2), "needs a mixture of experts"),
    ],
)
def test_what_does_not_divide_is_named(layout: Layout, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        layout.apply(LLAMA)


def test_experts_must_divide() -> None:
    with pytest.raises(ValueError, match="128 experts"):
        Layout(ep=3).apply(MIXTURE)


def test_sizes_start_at_one_and_formats_are_known() -> None:
    with pytest.raises(ValueError, match="tp must be at least 1, not 0"):
        Layout(tp=0)
    with pytest.raises(ValueError, match="unknown number format 'fp3' of kv"):
        Layout(kv="fp3")


def test_formats_reach_the_shape() -> None:
    found = Layout(weights="fp8").apply(LLAMA)
    assert (found.weights, found.dtype) == ("fp8", "bfloat16")


def test_an_engine_has_tp_times_pp_devices() -> None:
    assert Layout(tp=4, pp=2).devices == 8


def test_wider_experts_make_data_parallel_ranks() -> None:
    assert (Layout(tp=2, ep=8).ranks, Layout(tp=2, ep=8).devices) == (4, 8)
    assert Layout(tp=8, ep=8).ranks == 1
