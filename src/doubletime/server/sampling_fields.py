"""The request fields that completions and chat share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from doubletime.decoding.params import MAX_PENALTY, MAX_REPETITION_PENALTY, SEED_RANGE, SamplingParams
from doubletime.server import fields as f
from doubletime.server.declare import Declared, nested, optional, required
from doubletime.server.errors import bad
from doubletime.server.metadata_fields import MetadataFields
from doubletime.server.structured_fields import StructuredFields
from doubletime.server.token_fields import BIASES, LIMIT, STOP_TOKENS, STOPS, WHOLE

__all__ = ["LIMIT", "MAX_CHOICES", "MAX_LOGPROBS", "TOP", "SamplingFields", "StreamOptions"]

MAX_CHOICES = 128
MAX_LOGPROBS = 20

MAX_PRIORITY = 1 << 31
TOP = f.whole(0, MAX_LOGPROBS)
_PENALTY = f.number(-MAX_PENALTY, MAX_PENALTY)


@dataclass(frozen=True, kw_only=True)
class StreamOptions(Declared):
    include_usage: bool = optional(f.flag, False, "end the stream with a piece that tells its usage")
    continuous_usage_stats: bool = optional(f.flag, False, "tell the usage so far in every piece")


@dataclass(frozen=True, kw_only=True)
class SamplingFields(StructuredFields, MetadataFields):
    """Whoever derives from it says what `limit` and `best` are."""

    REFUSED: ClassVar[Mapping[str, str]] = {  # other servers take them
        "use_beam_search": "it samples, and does not search",
        "length_penalty": "it belongs to beam search",
        "logits_processors": "it runs no code of a request",
        "allowed_token_ids": "say what the answer must look like instead (structured_outputs)",
        "bad_words": "send logit_bias",
        "truncate_prompt_tokens": "it never cuts a prompt: a long one is refused",
        "spaces_between_special_tokens": "it decodes as the tokenizer says",
        "cache_salt": "the prefix cache is one for all",
        "request_id": "it gives ids itself",
    }

    model: str = required(f.text, "one of the names that /v1/models lists")
    n: int = optional(f.whole(1, MAX_CHOICES), 1, "choices for each prompt")
    temperature: float = optional(f.number(0, 2), 1.0, "0 is greedy")
    top_p: float = optional(f.number(0, 1, above=True), 1.0, "the smallest set of tokens with at least this mass")
    top_k: int = optional(f.whole(-1, WHOLE), 0, "the likeliest tokens only; 0 or -1 is all")
    min_p: float = optional(f.number(0, 1), 0.0, "tokens at least this fraction as likely as the likeliest")
    presence_penalty: float = optional(_PENALTY, 0.0, "taken from the logits of tokens in the output")
    frequency_penalty: float = optional(_PENALTY, 0.0, "the same, times how often they are in it")
    repetition_penalty: float = optional(
        f.number(0, MAX_REPETITION_PENALTY, above=True), 1.0, "more than 1: tokens of prompt and output are less likely"
    )
    logit_bias: dict[int, float] | None = optional(BIASES, None, "added to logits: {token id as a string: bias}")  # noqa: RUF009
    seed: int | None = optional(f.whole(*SEED_RANGE), None, "the same seed draws the same tokens")
    min_tokens: int = optional(f.whole(0, WHOLE), 0, "nothing ends a choice before it has so many tokens")
    stop: tuple[str, ...] = optional(STOPS, (), "a text, or a list of texts; the answer ends before any of them")
    stop_token_ids: tuple[int, ...] = optional(STOP_TOKENS, (), "tokens that end the answer")
    include_stop_str_in_output: bool = optional(f.flag, False, "the answer ends after the stop string")
    ignore_eos: bool = optional(f.flag, False, "go on to the limit whatever the model says")
    skip_special_tokens: bool = optional(f.flag, True, "leave special tokens out of the text")
    prompt_logprobs: int | None = optional(
        TOP, None, "log-probabilities of the prompt, with so many best; not in a stream"
    )
    return_token_ids: bool = optional(f.flag, False, "tell the token ids of prompt and output too")
    timings: bool = optional(f.flag, False, "tell how long it took, as llama.cpp does (in a stream: at its end)")
    timings_per_token: bool = optional(f.flag, False, "tell it in every piece of a stream")
    priority: int = optional(
        f.whole(-MAX_PRIORITY, MAX_PRIORITY), 0, "smaller goes first; other than 0 with a policy that orders by it only"
    )
    stream: bool = optional(f.flag, False, "answer in pieces, as server-sent events")
    stream_options: StreamOptions | None = optional(nested(StreamOptions), None, "only with stream")  # noqa: RUF009

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stream_options is not None and not self.stream:
            raise bad("stream_options", "stream_options is allowed only when stream is true")
        if self.prompt_logprobs is not None and self.stream:
            raise bad("prompt_logprobs", "prompt_logprobs is allowed only when stream is false")
        if self.limit is not None and self.min_tokens > self.limit:
            raise bad("min_tokens", f"min_tokens must be at most max_tokens ({self.limit}), not {self.min_tokens}")

    @property
    def limit(self) -> int | None:
        """The most tokens of each choice; None: as many as fit."""
        raise NotImplementedError

    @property
    def best(self) -> int | None:
        """How many best tokens to tell beside each token's log-probability; None: tell none."""
        raise NotImplementedError

    @property
    def prompt_best(self) -> int | None:
        """The same of the prompt's tokens."""
        return self.prompt_logprobs

    @property
    def include_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def continuous_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.continuous_usage_stats

    def params(self, max_tokens: int) -> SamplingParams:
        """The engine's view, with the limit resolved."""
        if self.ignore_eos and self.structured:
            raise bad("ignore_eos", f"ignore_eos cannot go with {self.structured[0]}: its end ends the answer")
        return SamplingParams(
            n=self.n,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            min_p=self.min_p,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            repetition_penalty=self.repetition_penalty,
            logit_bias=self.logit_bias,
            seed=self.seed,
            max_tokens=max_tokens,
            min_tokens=self.min_tokens,
            stop=self.stop,
            stop_token_ids=self.stop_token_ids,
            include_stop_str_in_output=self.include_stop_str_in_output,
            ignore_eos=self.ignore_eos,
            logprobs=self.best,
            prompt_logprobs=self.prompt_best,
            skip_special_tokens=self.skip_special_tokens,
            structured=self.structured[1] if self.structured else None,
        )
