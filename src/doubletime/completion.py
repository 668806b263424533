"""What offline generation gives back, with the names that vLLM's users know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from doubletime.decoding.logprobs import TokenLogprobs
from doubletime.engine.messages import Update

Name = Callable[[int], str]  # the text of one token


@dataclass(slots=True)
class Logprob:
    """The log-probability of a token at its position, from the distribution as the model gives it.

    That is at temperature 1, without penalties, biases or masks, and unfiltered. `rank` 1 is the likeliest.
    `decoded_token`: its text, None without a tokenizer.
    """

    logprob: float
    rank: int | None = None
    decoded_token: str | None = None


@dataclass(slots=True)
class CompletionOutput:
    """One choice. `finish_reason` is "stop", "length" or "error", and then `error` says why.

    `stop_reason`: the stop string or stop token id that ended it; None if eos or the limit did. `logprobs`: at each
    position by token id, the sampled token first, then the likeliest in order.
    """

    index: int
    text: str = ""
    token_ids: list[int] = field(default_factory=list)
    cumulative_logprob: float | None = None
    logprobs: list[dict[int, Logprob]] | None = None
    finish_reason: str | None = None
    stop_reason: str | int | None = None
    error: str | None = None

    def take(self, update: Update, name: Name | None) -> None:
        """Adds the news of this choice."""
        self.text += update.text
        self.token_ids += update.tokens
        for token, entry in zip(update.tokens, update.logprobs, strict=False):
            assert self.logprobs is not None
            assert self.cumulative_logprob is not None
            self.cumulative_logprob += entry.logprob
            self.logprobs.append(_by_token(token, entry, name))
        if update.finish is not None:
            self.finish_reason = update.finish.value
            self.stop_reason = update.stop_reason
            self.error = update.error or None


@dataclass(slots=True)
class RequestOutput:
    """A prompt and its choices. `prompt_logprobs`: by prompt token, None for the first; None if not asked for."""

    prompt: str | None
    prompt_token_ids: list[int]
    outputs: list[CompletionOutput]
    prompt_logprobs: list[dict[int, Logprob] | None] | None = None

    @property
    def finished(self) -> bool:
        return all(output.finish_reason is not None for output in self.outputs)

    def take(self, update: Update, name: Name | None) -> None:
        """Adds the news of the request. `name` None: there is no tokenizer."""
        if update.prompt_logprobs:
            pairs = zip(self.prompt_token_ids, update.prompt_logprobs, strict=True)
            entries = [None if entry is None else _by_token(token, entry, name) for token, entry in pairs]
            self.prompt_logprobs = entries
        self.outputs[update.choice].take(update, name)


def _by_token(token: int, entry: TokenLogprobs, name: Name | None) -> dict[int, Logprob]:
    """`token`, then the likeliest others in order."""
    own = [(token, entry.logprob, entry.rank)]
    others = [(other, value, at) for at, (other, value) in enumerate(entry.top, start=1) if other != token]
    return {each: Logprob(value, rank, name(each) if name else None) for each, value, rank in own + others}
