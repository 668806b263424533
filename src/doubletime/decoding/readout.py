"""What an executor is to read out of the final hidden states of a prompt."""

from __future__ import annotations

from dataclasses import dataclass

from doubletime.decoding.pooling import PoolingParams


@dataclass(frozen=True, slots=True)
class Readout:
    """Of one sequence. `draws` False: no token is sampled after the prompt.

    `logprobs` None: none; n: those of each prompt token but the first and of the n likeliest in its place.
    """

    logprobs: int | None = None
    pooling: PoolingParams | None = None
    draws: bool = True

    @property
    def every_row(self) -> bool:
        """Whether it needs the hidden states of the whole prompt, so that none may be taken from a prefix cache."""
        return self.logprobs is not None or (self.pooling is not None and self.pooling.pooling == "mean")
