"""Log-probabilities of a token, as they travel from an executor to whoever asked."""

from __future__ import annotations

from typing import NamedTuple


class TokenLogprobs(NamedTuple):
    """Log-probability of a token, and the likeliest tokens with theirs. `rank` 1 is the likeliest, None not known."""

    logprob: float
    top: tuple[tuple[int, float], ...]
    rank: int | None = None
