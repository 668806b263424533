"""What a request asks of the sampler."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doubletime.decoding.params import SamplingParams

if TYPE_CHECKING:
    from doubletime.decoding.structured.matcher import Grammar


@dataclass(frozen=True, slots=True)
class Adjust:
    """What changes the logits of a sequence before a token is drawn, in this order, which is vLLM's.

    bias: (token, what is added to its logit). repetition: positive logits of tokens in the prompt or the output are
    divided by it, negative ones multiplied. frequency, presence: taken from the logits of tokens in the output, the
    former times their count. grammar: only what it allows. ends: not among the first `min_tokens` of the output, but
    where the grammar allows nothing else. min_p: only tokens at least this fraction as likely as the likeliest.
    """

    bias: tuple[tuple[int, float], ...] = ()
    repetition: float = 1.0
    frequency: float = 0.0
    presence: float = 0.0
    grammar: Grammar | None = None
    min_tokens: int = 0
    ends: tuple[int, ...] = ()
    min_p: float = 0.0

    @property
    def penalizes(self) -> bool:
        return self.repetition != 1 or self.frequency != 0 or self.presence != 0


NOTHING = Adjust()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How one sequence draws its tokens. Temperature 0 takes the likeliest; `top_k` 0 or -1 means all.

    `logprobs` None: no log-probabilities; n: that of the drawn token and of the n likeliest, from the distribution
    as the model gives it (temperature 1, nothing adjusted, unfiltered). A draw is keyed by (seed, choice, position of
    the token). `adjust` None: the logits stay as they are.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    choice: int = 0
    logprobs: int | None = None
    adjust: Adjust | None = None

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


def sampling_of(
    params: SamplingParams, seed: int, choice: int, eos: frozenset[int], grammar: Grammar | None = None
) -> Sampling:
    """How choice `choice` of a request draws. `eos`: the tokens that end an output by themselves."""
    ends = (frozenset() if params.ignore_eos else eos) | frozenset(params.stop_token_ids)
    adjust = Adjust(
        bias=tuple((params.logit_bias or {}).items()),
        repetition=params.repetition_penalty,
        frequency=params.frequency_penalty,
        presence=params.presence_penalty,
        grammar=grammar,
        min_tokens=params.min_tokens,
        ends=tuple(sorted(ends)) if params.min_tokens else (),
        min_p=params.min_p,
    )
    return Sampling(
        temperature=params.temperature,
        top_p=params.top_p,
        top_k=max(0, params.top_k),
        seed=seed,
        choice=choice,
        logprobs=params.logprobs,
        adjust=None if adjust == NOTHING else adjust,
    )
