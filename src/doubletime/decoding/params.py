"""What a user asks of the sampling, with the names and defaults that vLLM's users know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_TEMPERATURE = 1000.0
SEED_RANGE = (-(1 << 63), (1 << 63) - 1)


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How to sample and when to stop. Raises ValueError or TypeError that names the field.

    temperature: 0 is greedy. top_p: the smallest set of tokens with at least this mass. top_k: 0 or -1 is all tokens.
    seed: None draws one from the engine's. max_tokens: per choice. stop: ends the text before any of these.
    ignore_eos: goes on to max_tokens. logprobs: also return those of this many best tokens (0: of the sampled only).
    """

    n: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    max_tokens: int = 16
    stop: str | Sequence[str] | None = None
    ignore_eos: bool = False
    logprobs: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "stop", _strings(self.stop))
        _whole("n", self.n, 1)
        _number("temperature", self.temperature, 0.0, MAX_TEMPERATURE)
        _number("top_p", self.top_p, 0.0, 1.0)
        if self.top_p == 0:
            raise ValueError("top_p must be more than 0")
        _whole("top_k", self.top_k, -1)
        _whole("max_tokens", self.max_tokens, 1)
        if self.seed is not None:
            _whole("seed", self.seed, *SEED_RANGE)
        if self.logprobs is not None:
            _whole("logprobs", self.logprobs, 0)
        if not isinstance(self.ignore_eos, bool):
            raise TypeError(f"ignore_eos must be true or false, not {self.ignore_eos!r}")

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
