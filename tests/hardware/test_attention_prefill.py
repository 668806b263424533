"""Prefill alone: the uniform batch that stands for unequal chunks, the pairs of a window, and the equation."""

from __future__ import annotations

import pytest

from doubletime.hardware.machine import AttentionShape
from doubletime.hardware.ops.attention_prefill import Uniform, base, pairs, terms, uniform
from doubletime.hardware.specs import SPECS

H100 = SPECS["h100"]
CONSTANTS = (1e-5, 1e-7, 1.2, 60.0, 1.0, 1.5, 0.8, 1.5)


def test_equal_chunks_stand_for_themselves() -> None:
    assert uniform([(512, 64)] * 3) == Uniform(3.0, 512.0, 64.0)


def test_unequal_chunks_keep_tokens_and_pairs() -> None:
    chunks = [(1000, 0), (10, 5000), (300, 77)]
    number, tokens, start = uniform(chunks)
    assert number * tokens == pytest.approx(sum(chunk for chunk, _ in chunks))
    true = sum(chunk * (before + chunk / 2) for chunk, before in chunks)
    assert number * tokens * (start + tokens / 2) == pytest.approx(true)


@pytest.mark.parametrize(
    ("tokens", "start", "window"), [(7, 0, 0), (7, 3, 0), (7, 0, 4), (7, 3, 5), (7, 30, 5), (3, 1, 9)]
)
def test_pairs_are_counted_query_by_query(tokens: int, start: int, window: int) -> None:
    seen = [start + i + 1 for i in range(tokens)]
    assert pairs(tokens, start, window) == sum(min(keys, window) if window else keys for keys in seen)


def test_the_base_grows_with_every_size() -> None:
    def seconds(heads: int = 32, number: int = 1, tokens: int = 512, start: int = 1000) -> float:
        shape = AttentionShape(heads, 8, 128)
        return base(terms(shape, Uniform(number, tokens, start), H100), CONSTANTS)

    least = seconds()
    assert min(seconds(heads=64), seconds(number=2), seconds(tokens=600), seconds(start=1100)) > least


def test_a_window_bounds_the_work() -> None:
    def seconds(tokens: int, window: int) -> float:
        return base(terms(AttentionShape(32, 8, 128, window), Uniform(1, tokens, 0), H100), CONSTANTS)

    assert seconds(16384, 128) < seconds(16384, 4096) < seconds(16384, 0)
    assert seconds(100, 128) == pytest.approx(seconds(100, 0))
