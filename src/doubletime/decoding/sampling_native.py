"""Random draws by the native kernels: the tokens of decoding.sampling_draw, without sorting."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from doubletime.core.rng import Purpose, uniform
from doubletime.decoding.sampling import Sampling
from doubletime.kernels.cpu.binding import library

_P, _INT = ctypes.c_void_p, ctypes.c_int
_LOGITS = (_P, ctypes.c_int64, _INT, _INT)


@cache
def _function(name: str, pointers: int) -> ctypes._NamedFuncPointer:
    """A function of (logits, stride, rows, vocab, pointers …)."""
    function: ctypes._NamedFuncPointer = getattr(library(), name)
    function.restype, function.argtypes = None, (*_LOGITS, *(_P,) * pointers)
    return function


def _rows(logits: Tensor) -> tuple[Tensor, tuple[int, int, int, int]]:
    """Logits as the library reads them, and its arguments that say where."""
    logits = logits.float()
    if logits.stride(-1) != 1:
        logits = logits.contiguous()
    return logits, (logits.data_ptr(), logits.stride(0), logits.shape[0], logits.shape[1])


def draw(logits: Tensor, samplings: Sequence[Sampling], positions: Sequence[int]) -> list[int]:
    """A token for each row of logits [N, vocab] on the CPU; temperature 0 takes the likeliest, of several the first.

    The distribution function over tokens sorted by (probability, id) is inverted at a uniform number keyed by
    (seed, choice, position): the same token whatever rows there are beside a row.
    """
    logits, where = _rows(logits)
    vocab = logits.shape[-1]
    wishes = (
        torch.tensor([sampling.temperature for sampling in samplings], dtype=torch.float64),
        torch.tensor([min(sampling.top_k, vocab) if sampling.top_k > 0 else vocab for sampling in samplings]),
        torch.tensor([sampling.top_p for sampling in samplings], dtype=torch.float64),
        torch.tensor(
            [uniform(s.seed, s.choice, at, Purpose.SAMPLE) for s, at in zip(samplings, positions, strict=True)],
            dtype=torch.float64,
        ),
    )
    tokens = torch.empty(len(samplings), dtype=torch.int64)
    _function("dt_sample", 5)(*where, *(wish.data_ptr() for wish in wishes), tokens.data_ptr())
    drawn: list[int] = tokens.tolist()
    return drawn


def log_sum_exp(logits: Tensor) -> Tensor:
    """log Σ exp of each row of logits [N, vocab] on the CPU, float64 [N]."""
    logits, where = _rows(logits)
    totals = torch.empty(logits.shape[0], dtype=torch.float64)
    _function("dt_log_sum_exp", 1)(*where, totals.data_ptr())
    return totals
