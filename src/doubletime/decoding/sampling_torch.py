"""Draws tokens for a batch, in torch. Each row's draw depends on its own logits and its own key only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from doubletime.decoding import sampling_native
from doubletime.decoding.sampling import Sampling
from doubletime.decoding.sampling_draw import draw


class Draw(NamedTuple):
    """A token; its log-probability and the likeliest tokens' (token, log-probability), where asked for."""

    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


def sample(
    logits: Tensor, samplings: Sequence[Sampling], positions: Sequence[int], *, native: bool = False
) -> list[Draw]:
    """One token a row: logits [N, vocab] float32; `positions[i]` is the index of row i's token in its sequence.

    `native`: by the native kernels, on a CPU; the tokens are the same.
    """
    tokens = sampling_native.draw(logits, samplings, positions) if native else _tokens(logits, samplings, positions)
    draws = [Draw(token) for token in tokens]
    asked = [row for row, sampling in enumerate(samplings) if sampling.logprobs is not None]
    if asked:
        _add_logprobs(draws, logits, samplings, asked, native)
    return draws


def _tokens(logits: Tensor, samplings: Sequence[Sampling], positions: Sequence[int]) -> list[int]:
    random = [row for row, sampling in enumerate(samplings) if not sampling.greedy]
    if len(random) == len(samplings):
        return draw(logits, samplings, positions)
    tokens: list[int] = logits.argmax(-1).tolist()
    if random:
        drawn = draw(logits[random], [samplings[row] for row in random], [positions[row] for row in random])
        for row, token in zip(random, drawn, strict=True):
            tokens[row] = token
    return tokens


def _add_logprobs(
    draws: list[Draw], logits: Tensor, samplings: Sequence[Sampling], asked: list[int], native: bool
) -> None:
    """Fills in log-probabilities of the raw distribution for the rows in `asked`."""
    rows = logits[asked]
    totals = sampling_native.log_sum_exp(rows)[:, None].float() if native else rows.logsumexp(-1, keepdim=True)
    chosen = torch.tensor([[draws[row].token] for row in asked], device=logits.device)
    own = (rows.gather(-1, chosen) - totals)[:, 0].tolist()
    most = min(max(samplings[row].logprobs or 0 for row in asked), logits.shape[-1])
    values, ids = rows.topk(most, dim=-1)
    best, names = (values - totals).tolist(), ids.tolist()
    for i, row in enumerate(asked):
        count = samplings[row].logprobs or 0
        draws[row] = Draw(draws[row].token, own[i], tuple(zip(names[i][:count], best[i][:count], strict=True)))
