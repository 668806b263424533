"""Draws: greedy, filtered, reproducible, and each row on its own."""

from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from doubletime.core.rng import Purpose, uniform
from doubletime.decoding import sampling_draw
from doubletime.decoding.sampling import Sampling
from doubletime.decoding.sampling_torch import sample

VOCAB = 12
temperatures = st.sampled_from([0.0, 1e-4, 0.5, 1.0, 3.0])
samplings = st.builds(
    Sampling,
    temperature=temperatures,
    top_p=st.sampled_from([0.1, 0.5, 0.9, 1.0]),
    top_k=st.sampled_from([-1, 0, 1, 3, 50]),
    seed=st.integers(0, 1 << 64),
    choice=st.integers(0, 3),
    logprobs=st.sampled_from([None, 0, 2, 50]),
)


def logits_of(seed: int, rows: int) -> torch.Tensor:
    """With ties: values are multiples of a half."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(rows, VOCAB, generator=generator) * 4).round() / 2


def plain(row: list[float], sampling: Sampling, position: int) -> int:
    """The definition, with lists: sort, scale, top-k, top-p, invert the distribution function."""
    order = sorted(range(len(row)), key=lambda token: (-row[token], token))
    if sampling.temperature == 0:
        return order[0]
    best = row[order[0]]
    weights = [2.718281828459045 ** ((row[token] - best) / sampling.temperature) for token in order]
    if sampling.top_k > 0:
        weights = weights[: sampling.top_k]
    kept, mass, total = [], 0.0, sum(weights)
    for weight in weights:
        if sampling.top_p < 1 and mass >= sampling.top_p * total:
            break
        kept.append(weight)
        mass += weight
    target = uniform(sampling.seed, sampling.choice, position, Purpose.SAMPLE) * sum(kept)
    for token, weight in zip(order, kept, strict=False):
        target -= weight
        if target < 0:
            return token
    return order[len(kept) - 1]


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 1000),
    st.lists(st.tuples(samplings, st.integers(0, 5000)), min_size=1, max_size=6),
    st.sampled_from([1, 2, 3, 5, 11, 12, 99]),
)
def test_a_batch_draws_what_the_definition_says(seed: int, rows: list[tuple[Sampling, int]], head: int) -> None:
    """Whatever part of the vocabulary is sorted at first."""
    logits = logits_of(seed, len(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling_draw, "HEAD", head)
        draws = sample(logits, [sampling for sampling, _ in rows], [position for _, position in rows])
    for row, draw, (sampling, position) in zip(logits.tolist(), draws, rows, strict=True):
        assert draw.token == plain(row, sampling, position)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.lists(st.tuples(samplings, st.integers(0, 5000)), min_size=2, max_size=6))
def test_a_row_draws_the_same_alone(seed: int, rows: list[tuple[Sampling, int]]) -> None:
    logits = logits_of(seed, len(rows))
    together = sample(logits, [sampling for sampling, _ in rows], [position for _, position in rows])
    for i, (sampling, position) in enumerate(rows):
        alone = sample(logits[i : i + 1], [sampling], [position])[0]
        assert alone.token == together[i].token
        assert alone.logprob == pytest.approx(together[i].logprob, abs=1e-6)


def test_log_probabilities_are_of_the_raw_distribution() -> None:
    logits = torch.randn(1, VOCAB)
    expected = logits[0].log_softmax(-1)
    draw = sample(logits, [Sampling(temperature=0.3, top_k=2, logprobs=3)], [7])[0]
    assert draw.logprob == pytest.approx(float(expected[draw.token]), abs=1e-6)
    assert [token for token, _ in draw.top] == expected.topk(3).indices.tolist()
    assert [value for _, value in draw.top] == pytest.approx(expected.topk(3).values.tolist(), abs=1e-6)


def test_log_probabilities_only_where_asked() -> None:
    draws = sample(torch.randn(3, VOCAB), [Sampling(), Sampling(logprobs=0), Sampling(logprobs=99)], [1, 1, 1])
    assert [draw.logprob is None for draw in draws] == [True, False, False]
    assert [len(draw.top) for draw in draws] == [0, 0, VOCAB]


def test_frequencies_follow_the_distribution() -> None:
    logits = torch.tensor([[0.5, 0.25, 0.15, 0.1]]).log().repeat(4000, 1)
    counts = Counter(draw.token for draw in sample(logits, [Sampling(seed=5)] * 4000, list(range(4000))))
    for token, chance in enumerate((0.5, 0.25, 0.15, 0.1)):
        assert counts[token] / 4000 == pytest.approx(chance, abs=0.03)


def test_different_keys_draw_differently() -> None:
    logits = torch.zeros(1, 1000)
    keys = [(0, 0, 1), (1, 0, 1), (0, 1, 1), (0, 0, 2)]
    tokens = {sample(logits, [Sampling(seed=seed, choice=choice)], [at])[0].token for seed, choice, at in keys}
    assert len(tokens) == 4


def test_the_nucleus_always_holds_a_token() -> None:
    logits = torch.tensor([[5.0, 5.0, 5.0, -20.0]])
    tokens = {sample(logits, [Sampling(top_p=1e-9, seed=seed)], [0])[0].token for seed in range(50)}
    assert tokens == {0}


def test_a_token_without_chance_is_never_drawn() -> None:
    logits = torch.full((1, 6), float("-inf"))
    logits[0, 3] = 1.0
    assert {sample(logits, [Sampling(seed=seed)], [0])[0].token for seed in range(20)} == {3}
