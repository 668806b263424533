from __future__ import annotations

from typing import Any

import pytest

from doubletime.decoding.params import SamplingParams


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"n": 0}, ValueError, "n must be at least 1"),
        ({"n": True}, TypeError, "n must be a whole number"),
        ({"n": 1.0}, TypeError, "n must be a whole number"),
        ({"temperature": -0.1}, ValueError, "temperature must be from 0 to 1000"),
        ({"temperature": float("nan")}, ValueError, "temperature"),
        ({"temperature": 10**400}, ValueError, "temperature"),
        ({"temperature": "1"}, TypeError, "temperature must be a number"),
        ({"top_p": 0}, ValueError, "top_p must be more than 0"),
        ({"top_p": 1.5}, ValueError, "top_p must be from 0 to 1"),
        ({"top_k": -2}, ValueError, "top_k must be at least -1"),
        ({"seed": 1 << 63}, ValueError, "seed must be at most"),
        ({"seed": "x"}, TypeError, "seed must be a whole number"),
        ({"max_tokens": 0}, ValueError, "max_tokens must be at least 1"),
        ({"max_tokens": None}, TypeError, "max_tokens must be a whole number"),
        ({"stop": 5}, TypeError, "stop must be a string"),
        ({"stop": ["a", 5]}, TypeError, "stop must be a string"),
        ({"stop": [""]}, ValueError, "empty"),
        ({"ignore_eos": 1}, TypeError, "ignore_eos must be true or false"),
        ({"logprobs": -1}, ValueError, "logprobs must be at least 0"),
        ({"best_of": 2}, TypeError, "best_of"),
    ],
)
def test_a_wrong_value_is_refused_by_name(fields: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        SamplingParams(**fields)


@pytest.mark.parametrize(("stop", "stops"), [(None, ()), ("a", ("a",)), (["a", "b"], ("a", "b"))])
def test_stop_may_be_nothing_a_text_or_a_list(stop: Any, stops: tuple[str, ...]) -> None:
    assert SamplingParams(stop=stop).stops == stops


def test_values_that_mean_no_limit_are_kept() -> None:
    params = SamplingParams(temperature=0, top_k=-1, logprobs=0, seed=-1)
    assert (params.temperature, params.top_k, params.logprobs, params.seed) == (0, -1, 0, -1)
