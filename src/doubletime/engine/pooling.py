"""Requests that want something of their prompt itself: log-probabilities, an embedding."""

from __future__ import annotations

import math
from array import array

from doubletime.core.vocabulary import Finish
from doubletime.decoding.params import SamplingParams
from doubletime.decoding.pooling import PoolingParams
from doubletime.decoding.readout import Readout
from doubletime.engine.messages import Update
from doubletime.executors.output import PromptPart


def readout_of(params: SamplingParams | PoolingParams, choice: int) -> Readout | None:
    """What an executor is to read out of the prompt; its log-probabilities come with the first choice."""
    if isinstance(params, PoolingParams):
        return Readout(pooling=params, draws=False)
    logprobs = params.prompt_logprobs if choice == 0 else None
    if logprobs is None and params.max_tokens:
        return None
    return Readout(logprobs, draws=params.max_tokens > 0)


class Embedding:
    """The only choice of a request for an embedding."""

    index = 0

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def read(self, part: PromptPart) -> Update | None:
        """The embedding once it is complete."""
        if part.embedding is None:
            return None
        if not all(math.isfinite(number) for number in array("f", part.embedding)):
            return self.end(Finish.ERROR, "the embedding is not finite: the model overflows in this dtype")
        return Update(self.handle, 0, finish=Finish.STOP, embedding=part.embedding)

    def end(self, finish: Finish, error: str = "") -> Update:
        """Ended from outside."""
        return Update(self.handle, 0, finish=finish, error=error)
