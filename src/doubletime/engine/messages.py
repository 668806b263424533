"""What goes into an engine and what comes out of it, in one process or between two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from doubletime.core.vocabulary import SLO, Finish
from doubletime.decoding.params import SamplingParams


@dataclass(frozen=True, slots=True)
class Submit:
    """A request. `handle` is the submitter's name for it; every update carries it back."""

    handle: int
    prompt: tuple[int, ...]
    params: SamplingParams
    priority: int = 0
    tenant: str = ""
    program: str = ""
    slo: SLO = SLO()


@dataclass(frozen=True, slots=True)
class Abort:
    handle: int


@dataclass(frozen=True, slots=True)
class Close:
    """The engine ends; what still lives is cancelled."""


class TokenLogprobs(NamedTuple):
    """Log-probability of a sampled token, and the likeliest tokens with theirs."""

    logprob: float
    top: tuple[tuple[int, float], ...]


class Update(NamedTuple):
    """News of one choice of a request. `error` is set when it ends in Finish.ERROR; a refused request has choice 0."""

    handle: int
    choice: int
    tokens: tuple[int, ...] = ()
    text: str = ""
    finish: Finish | None = None
    stop_reason: str | int | None = None
    logprobs: tuple[TokenLogprobs, ...] = ()
    error: str = ""
    refused: bool = False
