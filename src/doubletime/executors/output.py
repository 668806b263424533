"""What an executor answers to a plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from doubletime.core.vocabulary import Nanoseconds


class Sampled(NamedTuple):
    """A token drawn for a sequence. Log-probabilities only where its Sampling asks for them."""

    seq: int
    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


class StepOutput(NamedTuple):
    """The answer to one dispatched plan, in the order of dispatch.

    `reached` is the depth at which the step was stopped, None if it ran to its end. `revoked`: no slab ran.
    `error`: the forward pass failed; nothing was sampled, and all sequences of the step are dead until they end.
    """

    step: int
    duration_ns: Nanoseconds
    reached: int | None = None
    revoked: bool = False
    sampled: tuple[Sampled, ...] = ()
    error: str | None = None


Deliver = Callable[[StepOutput], None]
