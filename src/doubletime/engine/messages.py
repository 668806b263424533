"""What goes into an engine and what comes out of it, in one process or between two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from doubletime.core.vocabulary import SLO, Finish
from doubletime.decoding.logprobs import TokenLogprobs
from doubletime.decoding.params import SamplingParams
from doubletime.decoding.pooling import PoolingParams

__all__ = ["Abort", "Close", "Params", "Submit", "TokenLogprobs", "Update"]

Params = SamplingParams | PoolingParams


@dataclass(frozen=True, slots=True)
class Submit:
    """A request. `handle` is the submitter's name for it; every update carries it back."""

    handle: int
    prompt: tuple[int, ...]
    params: Params
    priority: int = 0
    tenant: str = ""
    program: str = ""
    slo: SLO = SLO()
    name: str = ""  # what the API calls it


@dataclass(frozen=True, slots=True)
class Abort:
    handle: int


@dataclass(frozen=True, slots=True)
class Close:
    """The engine ends; what still lives is cancelled."""


class Update(NamedTuple):
    """News of one choice of a request. `error` is set when it ends in Finish.ERROR; a refused request has choice 0.

    `prompt_logprobs` come with the first news of choice 0, if they were asked for: one a prompt token, None for the
    first. `embedding`: float32 numbers, little-endian, at the end of a request for one. `began`: no more than that the
    first step of the request is on its way, with the KV of `cached` prompt tokens there already.
    """

    handle: int
    choice: int
    tokens: tuple[int, ...] = ()
    text: str = ""
    finish: Finish | None = None
    stop_reason: str | int | None = None
    logprobs: tuple[TokenLogprobs, ...] = ()
    error: str = ""
    refused: bool = False
    prompt_logprobs: tuple[TokenLogprobs | None, ...] = ()
    embedding: bytes | None = None
    began: bool = False
    cached: int = 0
