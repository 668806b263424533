"""Random draws: the distribution function over tokens sorted by (probability, id), inverted at a uniform number.

Sorting a whole vocabulary costs more than a small model's step, so only its head is sorted; a row whose draw does not
fall within it, or whose top-k or top-p does not end there, is done again with all of it. Both give the same token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from doubletime.core.rng import Purpose, uniform
from doubletime.decoding.sampling import Sampling

HEAD = 1024


class Wishes(NamedTuple):
    """One column [N, 1] each, float64 but for `top_k`."""

    temperature: Tensor
    top_k: Tensor  # int64; the vocabulary's size where there is none
    top_p: Tensor
    uniform: Tensor

    def rows(self, which: Tensor) -> Wishes:
        return Wishes(*(column[which] for column in self))


class Sorted(NamedTuple):
    """The likeliest tokens in order; of the first `sure` [N, 1] the order among equals is known to be right."""

    values: Tensor  # [N, n] logits
    ids: Tensor  # [N, n]
    sure: Tensor


def draw(logits: Tensor, samplings: Sequence[Sampling], positions: Sequence[int]) -> list[int]:
    """A token for each row of logits [N, vocab], all with a temperature above 0."""
    wishes = _wishes(samplings, positions, logits)
    best = logits.amax(-1, keepdim=True)
    totals = ((logits.double() - best) / wishes.temperature).exp_().sum(-1, keepdim=True)
    tokens, known = _invert(_head(logits, HEAD), totals, wishes, logits.shape[-1])
    again = (~known).nonzero()[:, 0]
    if len(again):
        tokens[again] = _invert(_all(logits[again]), totals[again], wishes.rows(again), logits.shape[-1])[0]
    drawn: list[int] = tokens.tolist()
    return drawn


def _wishes(samplings: Sequence[Sampling], positions: Sequence[int], logits: Tensor) -> Wishes:
    vocab = logits.shape[-1]
    columns = (
        [sampling.temperature for sampling in samplings],
        [min(sampling.top_k, vocab) if sampling.top_k > 0 else vocab for sampling in samplings],
        [sampling.top_p for sampling in samplings],
        [uniform(s.seed, s.choice, at, Purpose.SAMPLE) for s, at in zip(samplings, positions, strict=True)],
    )
    kinds = (torch.float64, torch.int64, torch.float64, torch.float64)
    made = (torch.tensor(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True))
    return Wishes(*(column.to(logits.device)[:, None] for column in made))


def _all(logits: Tensor) -> Sorted:
    values, ids = logits.sort(dim=-1, descending=True, stable=True)
    return Sorted(values, ids, torch.full_like(ids[:, :1], logits.shape[-1]))


def _head(logits: Tensor, size: int) -> Sorted:
    """The `size` likeliest. Which of those that equal the last one are in it is left to chance: they are not sure."""
    if size >= logits.shape[-1]:
        return _all(logits)
    values, ids = logits.topk(size, dim=-1)
    ids, order = ids.sort(dim=-1)
    values, order = values.gather(-1, order).sort(dim=-1, descending=True, stable=True)
    return Sorted(values, ids.gather(-1, order), (values > values[:, -1:]).sum(-1, keepdim=True))


def _invert(tokens: Sorted, totals: Tensor, wishes: Wishes, vocab: int) -> tuple[Tensor, Tensor]:
    """The token of each row [N], and whether it can be told from these tokens [N]. `totals`: the mass of all tokens."""
    weights = ((tokens.values.double() - tokens.values[:, :1]) / wishes.temperature).exp_()
    cumulative = weights.cumsum(-1)
    kept, mass, told = _keep(weights, cumulative, totals, wishes, vocab)
    place = torch.searchsorted(cumulative, wishes.uniform * mass, right=True)
    place = torch.minimum(place, kept - 1)
    return tokens.ids.gather(-1, place)[:, 0], (told & (place < tokens.sure))[:, 0]


def _keep(
    weights: Tensor, cumulative: Tensor, totals: Tensor, wishes: Wishes, vocab: int
) -> tuple[Tensor, Tensor, Tensor]:
    """How many leading tokens top-k and then top-p keep, their mass, and whether these can be told; each [N, 1]."""
    size, top_k, all_p = weights.shape[-1], wishes.top_k, wishes.top_p == 1
    base = torch.where(top_k < vocab, cumulative.gather(-1, top_k.clamp(max=size) - 1), totals)
    nucleus = ((cumulative - weights < wishes.top_p * base) | all_p) & (weights > 0)  # of those that may come at all
    nucleus = nucleus.sum(-1, keepdim=True)
    kept = torch.minimum(nucleus, top_k).clamp_(min=1)
    whole = all_p & (top_k == vocab)
    mass = torch.where(whole, totals, cumulative.gather(-1, kept - 1))
    return kept, mass, whole | (top_k <= size) | ((top_k == vocab) & (nucleus < size))
