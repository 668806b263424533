"""Draws tokens for a batch, in torch. Each row's draw depends on its own logits and its own key only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from doubletime.core.rng import Purpose, uniform
from doubletime.decoding.sampling import Sampling


class Draw(NamedTuple):
    """A token; its log-probability and the likeliest tokens' (token, log-probability), where asked for."""

    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


def sample(logits: Tensor, samplings: Sequence[Sampling], positions: Sequence[int]) -> list[Draw]:
    """One token a row: logits [N, vocab] float32; `positions[i]` is the index of row i's token in its sequence."""
    tokens = _tokens(logits, samplings, positions)
    draws = [Draw(token) for token in tokens]
    asked = [row for row, sampling in enumerate(samplings) if sampling.logprobs is not None]
    if asked:
        _add_logprobs(draws, logits, samplings, asked)
    return draws


def _tokens(logits: Tensor, samplings: Sequence[Sampling], positions: Sequence[int]) -> list[int]:
    random = [row for row, sampling in enumerate(samplings) if not sampling.greedy]
    if len(random) == len(samplings):
        return _random(logits, samplings, positions)
    tokens: list[int] = logits.argmax(-1).tolist()
    if random:
        drawn = _random(logits[random], [samplings[row] for row in random], [positions[row] for row in random])
        for row, token in zip(random, drawn, strict=True):
            tokens[row] = token
    return tokens


def _random(logits: Tensor, samplings: Sequence[Sampling], positions: Sequence[int]) -> list[int]:
    """Inverts the distribution function over tokens sorted by probability, then id, at each row's uniform number."""
    values, ids = logits.sort(dim=-1, descending=True, stable=True)
    cumulative = _filtered(values, samplings).cumsum(-1)
    uniforms = [
        uniform(sampling.seed, sampling.choice, position, Purpose.SAMPLE)
        for sampling, position in zip(samplings, positions, strict=True)
    ]
    targets = torch.tensor(uniforms, dtype=torch.float64, device=logits.device)[:, None] * cumulative[:, -1:]
    places = torch.searchsorted(cumulative, targets, right=True).clamp_(max=logits.shape[-1] - 1)
    tokens: list[int] = ids.gather(-1, places)[:, 0].tolist()
    return tokens


def _filtered(values: Tensor, samplings: Sequence[Sampling]) -> Tensor:
    """Probabilities in float64 of descending logits, after temperature, then top-k, then top-p; not normalised."""
    temperature = _column(values, [sampling.temperature for sampling in samplings])
    probabilities = ((values.double() - values[:, :1]) / temperature).softmax(-1)
    most = values.shape[-1]
    top_k = _column(values, [sampling.top_k if sampling.top_k > 0 else most for sampling in samplings])
    probabilities = probabilities.masked_fill_(torch.arange(most, device=values.device) >= top_k, 0.0)
    if all(sampling.top_p == 1 for sampling in samplings):
        return probabilities
    before = probabilities.cumsum(-1) - probabilities
    nucleus = _column(values, [sampling.top_p for sampling in samplings]) * probabilities.sum(-1, keepdim=True)
    full = _column(values, [float(sampling.top_p == 1) for sampling in samplings]).bool()
    return probabilities.masked_fill_((before >= nucleus) & ~full, 0.0)


def _column(like: Tensor, values: Sequence[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64, device=like.device)[:, None]


def _add_logprobs(draws: list[Draw], logits: Tensor, samplings: Sequence[Sampling], asked: list[int]) -> None:
    """Fills in log-probabilities of the raw distribution for the rows in `asked`."""
    rows = logits[asked]
    totals = rows.logsumexp(-1, keepdim=True)
    chosen = torch.tensor([[draws[row].token] for row in asked], device=logits.device)
    own = (rows.gather(-1, chosen) - totals)[:, 0].tolist()
    most = min(max(samplings[row].logprobs or 0 for row in asked), logits.shape[-1])
    values, ids = rows.topk(most, dim=-1)
    best, names = (values - totals).tolist(), ids.tolist()
    for i, row in enumerate(asked):
        count = samplings[row].logprobs or 0
        draws[row] = Draw(draws[row].token, own[i], tuple(zip(names[i][:count], best[i][:count], strict=True)))
