"""Adjusted logits: what the definitions say, for each row on its own, and nothing to the rows that ask for nothing."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest

pytest.importorskip("torch")

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from doubletime.decoding.params import SamplingParams
from doubletime.decoding.sampling import Adjust, Sampling, sampling_of
from doubletime.decoding.sampling_adjust import Asked, adjust, unpack
from doubletime.decoding.sampling_history import History
from doubletime.decoding.sampling_torch import sample
from doubletime.kernels.cpu import binding

VOCAB = 24
tokens = st.integers(0, VOCAB - 1)
wishes = st.builds(
    Adjust,
    bias=st.dictionaries(tokens, st.sampled_from([-100.0, -1.0, 0.5, 100.0]), max_size=3).map(
        lambda d: tuple(d.items())
    ),
    repetition=st.sampled_from([1.0, 0.5, 1.3, 3.0]),
    frequency=st.sampled_from([0.0, 0.7, -1.0]),
    presence=st.sampled_from([0.0, 0.4, 2.0]),
    min_tokens=st.integers(0, 6),
    ends=st.lists(st.integers(0, VOCAB + 5), max_size=3, unique=True).map(tuple),
    min_p=st.sampled_from([0.0, 0.1, 0.7, 1.0]),
)
Row = tuple[Adjust | None, list[int], list[int], float]
rows = st.tuples(
    st.none() | wishes, st.lists(tokens, max_size=5), st.lists(tokens, max_size=8), st.sampled_from([0.0, 0.6, 2.0])
)


def history_of(wish: Adjust | None, prompt: list[int], output: list[int]) -> History | None:
    if wish is None:
        return None
    history = History(prompt, wish)
    history.extend(output)
    return history


def plain(row: list[float], wish: Adjust, prompt: list[int], output: list[int], temperature: float) -> list[float]:
    """The definitions, token by token."""
    counts, biases = Counter(output), dict(wish.bias)
    new = [logit + biases.get(token, 0.0) for token, logit in enumerate(row)]
    for token in {*prompt, *output}:
        new[token] = new[token] / wish.repetition if new[token] > 0 else new[token] * wish.repetition
    for token, count in counts.items():
        new[token] -= wish.frequency * count + wish.presence
    if len(output) < wish.min_tokens:
        new = [-math.inf if token in wish.ends else logit for token, logit in enumerate(new)]
    if wish.min_p and temperature:
        floor = max(new) + temperature * math.log(wish.min_p)
        new = [logit if logit >= floor else -math.inf for logit in new]
    return new


def logits_of(seed: int, count: int) -> torch.Tensor:
    return torch.randn(count, VOCAB, generator=torch.Generator().manual_seed(seed)) * 3


def adjusted(logits: torch.Tensor, batch: list[Row]) -> torch.Tensor:
    own = logits.clone()
    histories = [history_of(*row[:3]) for row in batch]
    asked = [Asked(at, each, batch[at][3]) for at, each in enumerate(histories) if each is not None]
    assert adjust(own, asked) == {}
    return own


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1000), st.lists(rows, min_size=1, max_size=5))
def test_every_row_becomes_what_the_definitions_say(seed: int, batch: list[Row]) -> None:
    logits = logits_of(seed, len(batch))
    new = adjusted(logits, batch)
    for at, (wish, prompt, output, temperature) in enumerate(batch):
        if wish is None:
            assert torch.equal(new[at], logits[at])
            continue
        expected = torch.tensor(plain(logits[at].tolist(), wish, prompt, output, temperature))
        kept = expected.isfinite() & new[at].isfinite()
        assert torch.allclose(new[at][kept], expected[kept], atol=1e-4)
        edge = ~(expected.isfinite() == new[at].isfinite())  # min_p: within rounding of its bound
        assert not edge.any() or wish.min_p > 0
        assert torch.equal(adjusted(logits[at : at + 1], [batch[at]])[0], new[at]), "the same alone, to the last bit"


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 1000), st.lists(rows, min_size=1, max_size=6), st.sampled_from([0, 3]), st.sampled_from([1.0, 0.8])
)
def test_torch_and_the_native_kernels_draw_the_same_tokens(seed: int, batch: list[Row], k: int, p: float) -> None:
    if not binding.available():
        pytest.skip("the native kernels were not built")
    logits = logits_of(seed, len(batch))
    samplings = [
        Sampling(row[3], top_k=k, top_p=p, seed=seed, choice=at, adjust=row[0], logprobs=2)
        for at, row in enumerate(batch)
    ]
    histories = [history_of(*row[:3]) for row in batch]
    places = list(range(len(batch)))
    torch_s, native = (sample(logits.clone(), samplings, places, histories, native=on) for on in (False, True))
    assert [draw.token for draw in torch_s] == [draw.token for draw in native]
    for at, draw in enumerate(native):
        raw = logits[at].log_softmax(-1)
        assert draw.logprob == pytest.approx(float(raw[draw.token]), abs=1e-4), "of the raw distribution"
        assert draw.rank == int((logits[at] > logits[at, draw.token]).sum()) + 1


@pytest.mark.parametrize("native", [False, True])
def test_a_forbidden_token_is_never_drawn(native: bool) -> None:
    """Whatever filters there are, also where fewer tokens are left than top-k keeps."""
    if native and not binding.available():
        pytest.skip("the native kernels were not built")
    for seed in range(60):
        logits = logits_of(seed, 1)
        left = (seed % VOCAB, (seed * 7 + 3) % VOCAB)
        ends = tuple(token for token in range(VOCAB) if token not in left)
        wish = Adjust(min_tokens=1, ends=ends)
        sampling = Sampling((0.01, 1.0, 100.0)[seed % 3], (1.0, 0.5)[seed % 2], (0, 1, 5)[seed % 3], seed, adjust=wish)
        assert sample(logits, [sampling], [4], [History([], wish)], native=native)[0].token in left


def test_min_p_keeps_the_likeliest_and_what_is_as_likely() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    wish = Adjust(min_p=0.5)
    kept = [adjusted_row(logits, wish, heat).isfinite().sum().item() for heat in (1.0, 0.1, 10.0)]
    assert kept == [2, 1, 4]


def adjusted_row(logits: torch.Tensor, wish: Adjust, temperature: float) -> torch.Tensor:
    return adjusted(logits, [(wish, [], [], temperature)])[0]


@pytest.mark.parametrize("vocab", [1, 31, 64, 70])
def test_an_accelerator_unpacks_bits_as_a_cpu_does(vocab: int) -> None:
    bits = np.random.default_rng(vocab).integers(0, 256, (3, -(-vocab // 32) * 4), dtype=np.uint8)
    expected = np.unpackbits(bits, axis=1, bitorder="little", count=vocab) == 0
    assert np.array_equal(unpack(torch.from_numpy(bits), vocab).numpy(), expected)


# ---- from what the user asks


def of(eos: frozenset[int] = frozenset({9}), **fields: Any) -> Sampling:
    return sampling_of(SamplingParams(**fields), 5, 1, eos)


def test_a_request_that_asks_for_no_change_has_none() -> None:
    plain_one = of(temperature=0.5, top_p=0.9, top_k=-1, logprobs=2, stop_token_ids=[3])
    assert plain_one == Sampling(0.5, 0.9, 0, 5, 1, 2, None)


@pytest.mark.parametrize(
    ("fields", "ends"),
    [({}, (9,)), ({"stop_token_ids": [3, 9]}, (3, 9)), ({"ignore_eos": True, "stop_token_ids": [3]}, (3,))],
)
def test_min_tokens_puts_off_all_that_ends_an_output(fields: dict[str, Any], ends: tuple[int, ...]) -> None:
    assert of(min_tokens=2, max_tokens=4, **fields).adjust == Adjust(min_tokens=2, ends=ends)


def test_penalties_and_biases_are_taken_over() -> None:
    asked = {"presence_penalty": 0.5, "frequency_penalty": 0.25, "repetition_penalty": 1.5, "min_p": 0.1}
    expected = Adjust(bias=((4, -1.0),), presence=0.5, frequency=0.25, repetition=1.5, min_p=0.1)
    assert of(logit_bias={4: -1.0}, **asked).adjust == expected
