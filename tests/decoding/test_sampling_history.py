"""What follows from a sequence's tokens does not depend on how they came."""

from __future__ import annotations

import pytest

pytest.importorskip("numpy")

import itertools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from doubletime.decoding.sampling import Adjust
from doubletime.decoding.sampling_history import History, TokenCounts

tokens = st.lists(st.integers(0, 300), max_size=200)


@given(tokens, tokens, st.lists(st.integers(0, 200), max_size=4))
def test_tokens_are_counted_in_whatever_pieces_they_come(prompt: list[int], output: list[int], cuts: list[int]) -> None:
    counts = TokenCounts(prompt)
    edges = sorted({0, len(output), *(cut for cut in cuts if cut <= len(output))})
    for start, end in itertools.pairwise(edges):
        counts.add(output[start:end])
    expected = dict.fromkeys(prompt, 0) | Counter(output)
    assert dict(zip(counts.ids.tolist(), counts.counts.tolist(), strict=True)) == expected


def test_the_prompt_counts_for_repetition_only() -> None:
    assert History([1, 2], Adjust(presence=1.0)).counts.ids.tolist() == []  # type: ignore[union-attr]
    assert History([1, 2], Adjust(repetition=2.0)).counts.ids.tolist() == [1, 2]  # type: ignore[union-attr]
    assert History([1, 2], Adjust(min_p=0.5)).counts is None


def test_it_must_go_on_until_the_output_has_min_tokens() -> None:
    history = History([1, 2, 3], Adjust(min_tokens=2, ends=(5,)))
    seen = [history.goes_on]
    for token in (7, 8):
        history.extend([token])
        seen.append(history.goes_on)
    assert seen == [True, True, False]
