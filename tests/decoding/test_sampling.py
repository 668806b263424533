"""What may be asked of the sampler."""

from __future__ import annotations

from typing import Any

import pytest

from doubletime.decoding.sampling import Sampling


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"top_p": 0.0},
        {"top_p": 1.01},
        {"top_k": -2},
        {"choice": -1},
        {"logprobs": -1},
    ],
)
def test_values_out_of_range_are_named(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(fields))):
        Sampling(**fields)


def test_temperature_zero_is_greedy() -> None:
    assert Sampling(temperature=0).greedy
    assert not Sampling(temperature=1e-6).greedy
