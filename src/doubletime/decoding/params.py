"""What a user asks of the sampling, with the names and defaults that vLLM's users know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from doubletime.decoding.structured.spec import Structured

MAX_TEMPERATURE = 1000.0
MAX_PENALTY = 2.0
MAX_REPETITION_PENALTY = 1000.0
MAX_BIAS = 100.0
SEED_RANGE = (-(1 << 63), (1 << 63) - 1)


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How to sample and when to stop. Raises ValueError or TypeError that names the field.

    temperature: 0 is greedy. top_p: the smallest set of tokens with at least this mass. top_k: 0 or -1 is all tokens.
    min_p: only tokens at least this fraction as likely as the likeliest. seed: None draws one from the engine's.
    presence_penalty, frequency_penalty: taken from the logits of tokens in the output, once or times their count.
    repetition_penalty: divides positive logits of tokens in prompt or output, multiplies negative ones. logit_bias:
    added, by token id. max_tokens: per choice; 0 generates nothing. min_tokens: before these neither eos nor a stop
    token nor a stop string ends the output. stop: ends the text before any of these, or after it with
    include_stop_str_in_output.
    stop_token_ids: end the output as eos does. ignore_eos: goes on to max_tokens. logprobs: also return those of this
    many best tokens (0: of the sampled only). prompt_logprobs: the same of the prompt's tokens. skip_special_tokens:
    leaves them out of the text. structured: what the output must look like.
    """

    n: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    logit_bias: Mapping[int, float] | None = None
    seed: int | None = None
    max_tokens: int = 16
    min_tokens: int = 0
    stop: str | Sequence[str] | None = None
    stop_token_ids: Sequence[int] = ()
    include_stop_str_in_output: bool = False
    ignore_eos: bool = False
    logprobs: int | None = None
    prompt_logprobs: int | None = None
    skip_special_tokens: bool = True
    structured: Structured | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "stop", _strings(self.stop))
        object.__setattr__(self, "stop_token_ids", _token_ids(self.stop_token_ids))
        object.__setattr__(self, "logit_bias", _biases(self.logit_bias))
        self._check_numbers()
        self._check_lengths()
        for name in ("include_stop_str_in_output", "ignore_eos", "skip_special_tokens"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be true or false, not {getattr(self, name)!r}")
        if not isinstance(self.structured, Structured | None):
            raise TypeError(f"structured must be a Structured, not {self.structured!r}")
        if self.structured is not None and self.ignore_eos:
            raise ValueError("ignore_eos cannot be combined with structured: the end of the grammar ends the output")

    def _check_numbers(self) -> None:
        _number("temperature", self.temperature, 0.0, MAX_TEMPERATURE)
        _number("top_p", self.top_p, 0.0, 1.0)
        if self.top_p == 0:
            raise ValueError("top_p must be more than 0")
        _whole("top_k", self.top_k, -1)
        _number("min_p", self.min_p, 0.0, 1.0)
        _number("presence_penalty", self.presence_penalty, -MAX_PENALTY, MAX_PENALTY)
        _number("frequency_penalty", self.frequency_penalty, -MAX_PENALTY, MAX_PENALTY)
        _number("repetition_penalty", self.repetition_penalty, 0.0, MAX_REPETITION_PENALTY)
        if self.repetition_penalty == 0:
            raise ValueError("repetition_penalty must be more than 0")

    def _check_lengths(self) -> None:
        _whole("n", self.n, 1)
        _whole("max_tokens", self.max_tokens, 0)
        _whole("min_tokens", self.min_tokens, 0)
        if self.min_tokens > self.max_tokens:
            raise ValueError(f"min_tokens must be at most max_tokens ({self.max_tokens}), not {self.min_tokens}")
        if self.seed is not None:
            _whole("seed", self.seed, *SEED_RANGE)
        for name in ("logprobs", "prompt_logprobs"):
            if getattr(self, name) is not None:
                _whole(name, getattr(self, name), 0)

    @property
    def stops(self) -> tuple[str, ...]:
        """The stop strings, always as a tuple."""
        return _strings(self.stop)


def _strings(stop: str | Sequence[str] | None) -> tuple[str, ...]:
    stops = (stop,) if isinstance(stop, str) else stop or ()
    if not isinstance(stops, list | tuple) or not all(isinstance(item, str) for item in stops):
        raise TypeError(f"stop must be a string or a list of strings, not {stop!r}")
    if "" in stops:
        raise ValueError("stop must not hold an empty string")
    return tuple(stops)


def _token_ids(tokens: Sequence[int] | None) -> tuple[int, ...]:
    if not isinstance(tokens, list | tuple | None):
        raise TypeError(f"stop_token_ids must be a list of token ids, not {tokens!r}")
    for token in tokens or ():
        _whole("each of stop_token_ids", token, 0)
    return tuple(tokens or ())


def _biases(biases: Mapping[int, float] | None) -> dict[int, float] | None:
    if biases is None:
        return None
    if not isinstance(biases, Mapping):
        raise TypeError(f"logit_bias must map token ids to numbers, not {biases!r}")
    for token, bias in biases.items():
        _whole("each token id of logit_bias", token, 0)
        _number(f"logit_bias of token {token}", bias, -MAX_BIAS, MAX_BIAS)
    return dict(biases)


def _whole(name: str, value: int, least: int, most: int | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")
    if most is not None and value > most:
        raise ValueError(f"{name} must be at most {most}, not {value}")


def _number(name: str, value: float, least: float, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if not (least <= value <= most):  # NaN is in no interval
        raise ValueError(f"{name} must be from {least:g} to {most:g}, not {value}")
