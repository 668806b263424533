from __future__ import annotations

from typing import Any

import pytest

from doubletime.decoding.params import SamplingParams
from doubletime.decoding.structured.spec import Structured

ANY_JSON = Structured("json_object")


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
        ({"max_tokens": -1}, ValueError, "max_tokens must be at least 0"),
        ({"max_tokens": None}, TypeError, "max_tokens must be a whole number"),
        ({"stop": 5}, TypeError, "stop must be a string"),
        ({"stop": ["a", 5]}, TypeError, "stop must be a string"),
        ({"stop": [""]}, ValueError, "empty"),
        ({"ignore_eos": 1}, TypeError, "ignore_eos must be true or false"),
        ({"logprobs": -1}, ValueError, "logprobs must be at least 0"),
        ({"prompt_logprobs": -1}, ValueError, "prompt_logprobs must be at least 0"),
        ({"min_p": 1.1}, ValueError, "min_p must be from 0 to 1"),
        ({"presence_penalty": 2.1}, ValueError, "presence_penalty must be from -2 to 2"),
        ({"frequency_penalty": float("nan")}, ValueError, "frequency_penalty must be from -2 to 2"),
        ({"repetition_penalty": 0}, ValueError, "repetition_penalty must be more than 0"),
        ({"repetition_penalty": "1"}, TypeError, "repetition_penalty must be a number"),
        ({"logit_bias": [5]}, TypeError, "logit_bias must map token ids to numbers"),
        ({"logit_bias": {"5": 1}}, TypeError, "each token id of logit_bias must be a whole number"),
        ({"logit_bias": {-5: 1}}, ValueError, "each token id of logit_bias must be at least 0"),
        ({"logit_bias": {5: 101}}, ValueError, "logit_bias of token 5 must be from -100 to 100"),
        ({"logit_bias": {5: None}}, TypeError, "logit_bias of token 5 must be a number"),
        ({"min_tokens": -1}, ValueError, "min_tokens must be at least 0"),
        ({"min_tokens": 17}, ValueError, r"min_tokens must be at most max_tokens \(16\), not 17"),
        ({"stop_token_ids": 5}, TypeError, "stop_token_ids must be a list"),
        ({"stop_token_ids": [5, -1]}, ValueError, "each of stop_token_ids must be at least 0"),
        ({"stop_token_ids": [True]}, TypeError, "each of stop_token_ids must be a whole number"),
        ({"include_stop_str_in_output": 1}, TypeError, "include_stop_str_in_output must be true or false"),
        ({"skip_special_tokens": None}, TypeError, "skip_special_tokens must be true or false"),
        ({"structured": {"json": {}}}, TypeError, "structured must be a Structured"),
        ({"structured": ANY_JSON, "ignore_eos": True}, ValueError, "ignore_eos cannot be combined with structured"),
        ({"best_of": 2}, TypeError, "best_of"),
    ],
)
def test_a_wrong_value_is_refused_by_name(fields: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        SamplingParams(**fields)


@pytest.mark.parametrize(("stop", "stops"), [(None, ()), ("a", ("a",)), (["a", "b"], ("a", "b"))])
def test_stop_may_be_nothing_a_text_or_a_list(stop: Any, stops: tuple[str, ...]) -> None:
    assert SamplingParams(stop=stop).stops == stops


def test_lists_and_mappings_are_copied() -> None:
    ends, biases = [5], {7: 1.0}
    params = SamplingParams(stop_token_ids=ends, logit_bias=biases)
    ends.append(6)
    biases[8] = 2.0
    assert (params.stop_token_ids, params.logit_bias) == ((5,), {7: 1.0})


def test_values_that_mean_no_limit_are_kept() -> None:
    params = SamplingParams(temperature=0, top_k=-1, logprobs=0, seed=-1)
    assert (params.temperature, params.top_k, params.logprobs, params.seed) == (0, -1, 0, -1)
