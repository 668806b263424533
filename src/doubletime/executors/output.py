"""What an executor answers to a plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from doubletime.core.vocabulary import Nanoseconds
from doubletime.decoding.logprobs import TokenLogprobs


class Sampled(NamedTuple):
    """A token drawn for a sequence. Log-probabilities only where its Sampling asks for them.

    `error`: why none could be drawn; the sequence cannot go on.
    """

    seq: int
    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()
    rank: int | None = None
    error: str = ""


class PromptPart(NamedTuple):
    """What was read out of more of a prompt: log-probabilities of its next tokens, from the second on.

    With its last row comes the embedding, if one was asked for (float32 numbers, little-endian). `ends`: that was all
    that the sequence had to do; it samples nothing.
    """

    seq: int
    logprobs: tuple[TokenLogprobs, ...] = ()
    embedding: bytes | None = None
    ends: bool = False


class StepOutput(NamedTuple):
    """The answer to one dispatched plan, in the order of dispatch.

    `reached` is the depth at which the step was stopped, None if it ran to its end. `revoked`: no slab ran.
    `error`: the forward pass failed; nothing was sampled, and all sequences of the step are dead until they end.
    `lost`: with an error after which the executor answers no other plan.
    """

    step: int
    duration_ns: Nanoseconds
    reached: int | None = None
    revoked: bool = False
    sampled: tuple[Sampled, ...] = ()
    prompts: tuple[PromptPart, ...] = ()
    error: str | None = None
    lost: bool = False


Deliver = Callable[[StepOutput], None]
