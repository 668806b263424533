"""The body of /v1/completions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from doubletime.server import fields as f
from doubletime.server.declare import optional, required
from doubletime.server.errors import UNSUPPORTED, bad
from doubletime.server.sampling_fields import MAX_CHOICES, TOP, SamplingFields
from doubletime.server.token_fields import WHOLE

MAX_PROMPTS = 2048  # also the most choices of all prompts together

Prompt = str | list[int]


def _prompts(name: str, value: Any) -> tuple[Prompt, ...]:
    if isinstance(value, str):
        return (f.text(name, value),)
    if not isinstance(value, list) or not value:
        raise bad(name, f"{name} must be a string, a list of strings, token ids or a list of those, and not empty")
    if isinstance(value[0], int):
        return (_token_ids(name, value),)
    f.items(name, value, MAX_PROMPTS)
    if isinstance(value[0], str):
        return tuple(f.text(name, item) for item in value)
    return tuple(_token_ids(name, item) for item in value)


def _token_ids(name: str, value: Any) -> list[int]:
    ids = f.items(name, value, f.MAX_ITEMS)
    if any(type(item) is not int for item in ids):
        raise bad(name, f"{name} mixes token ids with something else")
    return ids


def _list(item: f.Json, most: int) -> f.Json:
    return {"type": "array", "items": item, "minItems": 1, "maxItems": most}


_TEXT: f.Json = {"type": "string"}
_IDS = _list({"type": "integer", "minimum": 0}, f.MAX_ITEMS)
PROMPTS: f.Kind[tuple[Prompt, ...]] = f.Kind(
    _prompts, {"anyOf": [_TEXT, _list(_TEXT, MAX_PROMPTS), _IDS, _list(_IDS, MAX_PROMPTS)]}
)


@dataclass(frozen=True, kw_only=True)
class CompletionRequest(SamplingFields):
    prompt: tuple[Prompt, ...] = required(PROMPTS, "a text, a list of texts, token ids, or a list of those")
    add_special_tokens: bool = optional(f.flag, True, "put the tokenizer's own tokens (bos) around a text")
    max_tokens: int = optional(f.whole(0, WHOLE), 16, "the most tokens of each choice")
    echo: bool = optional(f.flag, False, "the answer begins with the prompt")
    logprobs: int | None = optional(
        TOP, None, "log-probabilities of the answer, with so many best; with echo the prompt's too"
    )
    best_of: int | None = optional(f.whole(1, MAX_CHOICES), None, "the same as n: this server ranks no choices")

    REFUSED: ClassVar[Mapping[str, str]] = {
        "suffix": "it writes what comes after a prompt, not what comes between two",
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.prompt) * self.n > MAX_PROMPTS:
            raise bad("n", f"{len(self.prompt)} prompts with n {self.n} are more than {MAX_PROMPTS} choices")

        if self.best_of is not None and self.best_of != self.n:
            raise bad("best_of", f"best_of must be n ({self.n}) or absent: this server ranks no choices", UNSUPPORTED)

    @property
    def limit(self) -> int | None:
        return self.max_tokens

    @property
    def best(self) -> int | None:
        return self.logprobs

    @property
    def prompt_best(self) -> int | None:
        """The prompt's are part of an echo."""
        echoed = self.logprobs if self.echo else None
        return max((wanted for wanted in (echoed, self.prompt_logprobs) if wanted is not None), default=None)
