"""Parameter counts against those that were published; the names of families that torch does not run."""

from __future__ import annotations

import math

import pytest

from doubletime.shapes import (
    PUBLISHED,
    RUNNABLE,
    UnsupportedModel,
    bytes_of_rank,
    parameters,
    published_shape,
    tensors,
)

# Billions, as the model cards, the papers or the index of the weights on the hub give them (Gemma: without vision).
BILLIONS = {
    "llama-100m": 0.100,
    "tinyllama-1.1b": 1.100,
    "llama-2-7b": 6.738,
    "llama-2-13b": 13.016,
    "llama-2-70b": 68.977,
    "codellama-34b": 33.744,
    "llama-3.2-1b": 1.236,
    "llama-3.2-3b": 3.213,
    "llama-3.1-8b": 8.030,
    "llama-3.1-70b": 70.554,
    "llama-3.3-70b": 70.554,
    "llama-3.1-405b": 405.853,
    "mistral-7b": 7.248,
    "mistral-nemo-12b": 12.248,
    "mistral-small-24b": 23.572,
    "mistral-large-123b": 122.610,
    "qwen2-7b": 7.616,
    "qwen2.5-0.5b": 0.494,
    "qwen2.5-1.5b": 1.544,
    "qwen2.5-3b": 3.086,
    "qwen2.5-7b": 7.616,
    "qwen2.5-14b": 14.770,
    "qwen2.5-32b": 32.764,
    "qwen2.5-72b": 72.706,
    "qwen3-0.6b": 0.596,
    "qwen3-1.7b": 1.721,
    "qwen3-4b": 4.022,
    "qwen3-8b": 8.191,
    "qwen3-14b": 14.768,
    "qwen3-32b": 32.762,
    "qwen3-30b-a3b": 30.532,
    "qwen3-235b-a22b": 235.094,
    "gemma-3-270m": 0.268,
    "gemma-3-1b": 1.000,
    "gemma-3-4b": 3.884,
    "gemma-3-12b": 11.771,
    "gemma-3-27b": 27.016,
    "mixtral-8x7b": 46.703,
    "mixtral-8x22b": 140.630,
    "gpt-oss-20b": 20.91,
    "gpt-oss-120b": 116.83,
    "deepseek-v2-lite": 15.7,
    "deepseek-v2": 236.0,
    "deepseek-v3": 671.0,
    "deepseek-r1": 671.0,
    "kimi-k2": 1026.5,
    "phi-4": 14.66,
    "opt-6.7b": 6.658,
    "opt-13b": 12.853,
    "opt-30b": 29.975,
    "opt-66b": 65.720,
}


def test_every_name_is_checked() -> None:
    assert set(BILLIONS) == set(PUBLISHED)


@pytest.mark.parametrize("name", BILLIONS)
def test_parameter_counts_are_the_published_ones(name: str) -> None:
    assert parameters(published_shape(name)) / 1e9 == pytest.approx(BILLIONS[name], rel=0.002)


@pytest.mark.parametrize("name", PUBLISHED)
def test_families_that_run_have_the_tensors_of_their_parameters_and_others_none(name: str) -> None:
    shape = published_shape(name)
    if shape.family in RUNNABLE:
        assert sum(math.prod(size) for size in tensors(shape).values()) == parameters(shape)
    else:
        with pytest.raises(UnsupportedModel, match=f"rehearsal only: no torch module for {shape.family} yet"):
            tensors(shape)


@pytest.mark.parametrize(("name", "gigabytes"), [("gpt-oss-20b", 13.8), ("gpt-oss-120b", 65.2), ("deepseek-v3", 674)])
def test_bytes_in_the_published_number_format(name: str, gigabytes: float) -> None:
    """GPT-OSS: arXiv 2508.10925, table 1 (checkpoint size 12.8 and 60.8 GiB)."""
    assert bytes_of_rank(published_shape(name)) / 1e9 == pytest.approx(gigabytes, rel=0.01)
