"""What a request asks of the sampler."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sampling:
    """How one sequence draws its tokens. Temperature 0 takes the likeliest; `top_k` 0 or -1 means all.

    `logprobs` None: no log-probabilities; n: that of the drawn token and of the n likeliest, from the distribution
    as the model gives it (temperature 1, unfiltered). A draw is keyed by (seed, choice, position of the token).
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    choice: int = 0
    logprobs: int | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise ValueError(f"temperature must be a finite number, at least 0, not {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be in (0, 1], not {self.top_p}")
        if self.top_k < -1:
            raise ValueError(f"top_k must be at least 1, or 0 or -1 for all, not {self.top_k}")
        if self.choice < 0:
            raise ValueError(f"choice must be at least 0, not {self.choice}")
        if self.logprobs is not None and self.logprobs < 0:
            raise ValueError(f"logprobs must be at least 0, not {self.logprobs}")

    @property
    def greedy(self) -> bool:
        return self.temperature == 0
