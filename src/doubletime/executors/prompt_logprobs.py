"""Log-probabilities of tokens that are given, not sampled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from doubletime.decoding import sampling_native
from doubletime.decoding.logprobs import TokenLogprobs
from doubletime.models import AnyModel, NativeModel

PIECE = 16 << 20  # bytes of logits at a time


def prompt_logprobs(model: AnyModel, hidden: Tensor, tokens: Sequence[int], count: int) -> Iterator[TokenLogprobs]:
    """Of `tokens[i]` after the hidden row i [N, hidden], from the distribution as the model gives it."""
    native, size = isinstance(model, NativeModel), max(1, PIECE // (4 * model.shape.vocab))
    for first in range(0, len(tokens), size):
        some = slice(first, first + size)
        yield from _score(model.logits(hidden[some]), tokens[some], count, native)


def _score(logits: Tensor, tokens: Sequence[int], count: int, native: bool) -> Iterator[TokenLogprobs]:
    """`count`: of the likeliest tokens, at most all. Native log-sums do not depend on the rows beside a row."""
    totals = sampling_native.log_sum_exp(logits)[:, None].float() if native else logits.logsumexp(-1, keepdim=True)
    own = logits.gather(-1, torch.tensor(tokens, device=logits.device)[:, None])
    ranks = (logits > own).sum(-1, dtype=torch.int32) + 1
    best, ids = logits.topk(min(count, logits.shape[-1]), dim=-1)
    columns = ((own - totals)[:, 0], ids, best - totals, ranks)
    for logprob, names, values, rank in zip(*(column.tolist() for column in columns), strict=True):
        yield TokenLogprobs(logprob, tuple(zip(names, values, strict=True)), rank)
