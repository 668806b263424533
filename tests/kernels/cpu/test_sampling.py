"""Native draws are the torch sampler's draws, for every wish, with ties, and whatever rows lie beside a row."""

from __future__ import annotations

import math
import random

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor

from doubletime.decoding.sampling import Sampling
from doubletime.decoding.sampling_draw import draw as draw_in_torch
from doubletime.decoding.sampling_native import draw, log_sum_exp
from doubletime.kernels.cpu.binding import set_threads

pytestmark = pytest.mark.usefixtures("level")
VOCABS = [1, 2, 15, 16, 17, 1000, 33_000, 70_001]


def logits_of(rng: random.Random, rows: int, vocab: int) -> Tensor:
    """Flat, steep, with many ties, or with most tokens forbidden."""
    torch.manual_seed(rng.randrange(1 << 30))
    logits = torch.randn(rows, vocab) * rng.choice([0.01, 1.0, 5.0, 30.0])
    if rng.random() < 0.4:
        logits = (logits * 2).round() / 2
    if rng.random() < 0.3:
        logits[:, torch.rand(vocab) < 0.9] = -math.inf
        logits[:, rng.randrange(vocab)] = 1.0
    return logits


def wish_of(rng: random.Random, vocab: int) -> Sampling:
    return Sampling(
        temperature=rng.choice([1e-3, 0.3, 0.8, 1.0, 1.5, 100.0]),
        top_p=rng.choice([1.0, 1.0, 0.999, 0.9, 0.5, 1e-6]),
        top_k=rng.choice([0, 0, -1, 1, 2, 50, vocab - 1, vocab, vocab + 5]),
        seed=rng.randrange(1 << 40),
    )


@pytest.mark.parametrize("vocab", VOCABS)
def test_every_draw_is_that_of_the_torch_sampler(vocab: int) -> None:
    rng = random.Random(vocab)
    for rows in (1, 2, 5, 19):
        set_threads(rng.randint(1, 2))
        logits = logits_of(rng, rows, vocab)
        wishes = [wish_of(rng, vocab) for _ in range(rows)]
        positions = [rng.randrange(1000) for _ in range(rows)]
        assert draw(logits, wishes, positions) == draw_in_torch(logits, wishes, positions)


def test_a_row_draws_the_same_alone_and_in_a_crowd() -> None:
    rng = random.Random(0)
    logits = torch.randn(40, 50_000)
    wishes = [wish_of(rng, 50_000) for _ in range(40)]
    set_threads(2)
    together = draw(logits, wishes, range(40))
    set_threads(1)
    assert [draw(logits[i : i + 1], wishes[i : i + 1], [i])[0] for i in range(40)] == together


def test_temperature_zero_takes_the_first_of_the_likeliest() -> None:
    logits = torch.zeros(2, 40_000)
    logits[0, [5, 35_000]] = 3.0
    logits[1, 39_999] = 3.0
    assert draw(logits, [Sampling(temperature=0)] * 2, [0, 0]) == [5, 39_999]


def test_draws_follow_the_distribution() -> None:
    logits = torch.tensor([[0.5, 0.25, 0.125, 0.125]]).log().repeat(4000, 1)
    drawn = torch.tensor(draw(logits, [Sampling()] * 4000, range(4000))).bincount(minlength=4) / 4000
    torch.testing.assert_close(drawn, torch.tensor([0.5, 0.25, 0.125, 0.125]), atol=0.03, rtol=0.0)


def test_other_types_and_strides_are_read_too() -> None:
    logits = torch.randn(300, 6).bfloat16().T
    wishes = [Sampling(seed=i) for i in range(6)]
    assert draw(logits, wishes, range(6)) == draw_in_torch(logits.float(), wishes, range(6))


def test_a_row_of_forbidden_tokens_still_names_a_token() -> None:
    assert draw(torch.full((1, 100), -math.inf), [Sampling(temperature=0)], [0]) == [0]
    assert 0 <= draw(torch.full((1, 100), -math.inf), [Sampling()], [0])[0] < 100
    assert 0 <= draw(torch.full((1, 100), math.nan), [Sampling(top_k=3)], [0])[0] < 100


@pytest.mark.parametrize("vocab", VOCABS)
def test_log_sum_exp(vocab: int) -> None:
    logits = torch.randn(7, vocab) * 10
    torch.testing.assert_close(log_sum_exp(logits), logits.double().logsumexp(-1), rtol=1e-12, atol=1e-12)
    set_threads(2)
    assert torch.equal(log_sum_exp(logits)[3:4], log_sum_exp(logits[3:4]))
