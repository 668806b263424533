"""Draws tokens for a batch, in torch. Each row's draw depends on its own logits and its own key only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from doubletime.decoding import sampling_native
from doubletime.decoding.sampling import Sampling
from doubletime.decoding.sampling_adjust import Asked, adjust
from doubletime.decoding.sampling_draw import draw
from doubletime.decoding.sampling_history import History


class Draw(NamedTuple):
    """A token; its log-probability, the likeliest tokens' (token, log-probability) and its rank, where asked for.

    `error`: why nothing can be drawn for this row; the token means nothing.
    """

    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()
    rank: int | None = None
    error: str = ""


def sample(
    logits: Tensor,
    samplings: Sequence[Sampling],
    positions: Sequence[int],
    histories: Sequence[History | None] = (),
    *,
    native: bool = False,
) -> list[Draw]:
    """One token a row: logits [N, vocab] float32; `positions[i]` is the index of row i's token in its sequence.

    `histories`: one a row, None where the sampling adjusts nothing; the logits of the other rows are changed in place.
    `native`: by the native kernels, on a CPU; the tokens are the same.
    """
    told = [row for row, sampling in enumerate(samplings) if sampling.logprobs is not None]
    raw = logits[told] if told else None
    asked = [Asked(row, own, samplings[row].temperature) for row, own in enumerate(histories) if own is not None]
    errors = adjust(logits, asked)
    tokens = sampling_native.draw(logits, samplings, positions) if native else _tokens(logits, samplings, positions)
    draws = [Draw(token) for token in tokens]
    if raw is not None:
        _add_logprobs(draws, raw, samplings, told, native)
    for row, error in errors.items():
        draws[row] = draws[row]._replace(error=error)
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
    draws: list[Draw], rows: Tensor, samplings: Sequence[Sampling], asked: list[int], native: bool
) -> None:
    """Fills in log-probabilities for the rows in `asked`, whose raw logits are `rows`."""
    totals = sampling_native.log_sum_exp(rows)[:, None].float() if native else rows.logsumexp(-1, keepdim=True)
    chosen = rows.gather(-1, torch.tensor([[draws[row].token] for row in asked], device=rows.device))
    ranks = ((rows > chosen).sum(-1) + 1).tolist()
    own = (chosen - totals)[:, 0].tolist()
    most = min(max(samplings[row].logprobs or 0 for row in asked), rows.shape[-1])
    values, ids = rows.topk(most, dim=-1)
    best, names = (values - totals).tolist(), ids.tolist()
    for i, row in enumerate(asked):
        count = samplings[row].logprobs or 0
        top = tuple(zip(names[i][:count], best[i][:count], strict=True))
        draws[row] = Draw(draws[row].token, own[i], top, ranks[i])
