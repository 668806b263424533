"""From a request to the token ids that the engine gets, within what the model can hold."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from doubletime.decoding.chat import ChatTemplate, ChatTemplateError
from doubletime.decoding.params import SamplingParams
from doubletime.decoding.tokenizer import Tokenizer
from doubletime.server.errors import ApiError, bad
from doubletime.server.requests import ChatRequest, CompletionRequest, Prompt, Sampling

_INLINE = 4096  # characters; longer texts are tokenized beside the event loop


@dataclass(frozen=True)
class ServedModel:
    """What the HTTP process knows of the model. The first name is the one it tells; it answers to each of them."""

    names: tuple[str, ...]
    max_model_len: int  # tokens of prompt and output together
    vocab_size: int
    created: int  # seconds since 1970
    tokenizer: Tokenizer | None = None  # None: it takes and gives token ids only

    @cached_property
    def template(self) -> ChatTemplate:
        """Raises ChatTemplateError if the checkpoint has none."""
        return ChatTemplate.load(self.text_tokenizer)

    @property
    def text_tokenizer(self) -> Tokenizer:
        if self.tokenizer is None:
            raise bad("prompt", "this model has no tokenizer: send token ids to /v1/completions")
        return self.tokenizer


@dataclass(frozen=True, slots=True)
class Job:
    """One prompt, ready for the engine."""

    prompt: Sequence[int]
    params: SamplingParams


async def completion_jobs(model: ServedModel, request: CompletionRequest) -> list[Job]:
    """One job a prompt, in order. Raises ApiError."""
    _check_model(model, request.sampling)
    return [_job(model, request.sampling, "prompt", await _ids(model, prompt)) for prompt in request.prompts]


async def chat_jobs(model: ServedModel, request: ChatRequest) -> list[Job]:
    """A single job. Raises ApiError."""
    _check_model(model, request.sampling)
    text = _render(model, request.messages)
    return [_job(model, request.sampling, "messages", await _encode(model, text, add_special_tokens=False))]


def _check_model(model: ServedModel, sampling: Sampling) -> None:
    if sampling.model not in model.names:
        known = " or ".join(model.names)
        raise ApiError(404, f"the model {sampling.model!r} does not exist: send {known}", "model", "model_not_found")


def _render(model: ServedModel, messages: Sequence[dict[str, Any]]) -> str:
    try:
        return model.template.render(messages)
    except ChatTemplateError as error:
        raise bad("messages", str(error)) from error


async def _ids(model: ServedModel, prompt: Prompt) -> Sequence[int]:
    if isinstance(prompt, str):
        return await _encode(model, prompt, add_special_tokens=True)
    for token in prompt:
        if not 0 <= token < model.vocab_size:
            raise bad("prompt", f"there is no token {token}: ids go from 0 to {model.vocab_size - 1}")
    return prompt


async def _encode(model: ServedModel, text: str, add_special_tokens: bool) -> list[int]:
    tokenizer = model.text_tokenizer
    if len(text) <= _INLINE:
        return tokenizer.encode(text, add_special_tokens)
    return await asyncio.to_thread(tokenizer.encode, text, add_special_tokens)


def _job(model: ServedModel, sampling: Sampling, param: str, ids: Sequence[int]) -> Job:
    """Checks the lengths; without a limit of its own an output may fill what the prompt leaves."""
    room = model.max_model_len - len(ids)
    if not ids:
        raise bad(param, f"{param} is empty")
    if room < 1 or (sampling.max_tokens is not None and sampling.max_tokens > room):
        wanted = "no room for an output" if room < 1 else f"too little room for max_tokens {sampling.max_tokens}"
        message = f"this model holds {model.max_model_len} tokens; {param} has {len(ids)}, which leaves {wanted}"
        raise bad(param, message, "context_length_exceeded")
    return Job(ids, sampling.params(sampling.max_tokens or room))
