"""From a request to the token ids that the engine gets, within what the model can hold."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from doubletime.decoding.chat import ChatTemplate
from doubletime.decoding.structured.grammar import check as check_grammar
from doubletime.decoding.structured.spec import Structured
from doubletime.decoding.tokenizer import Tokenizer
from doubletime.engine.messages import Params
from doubletime.server.chat.dialect import Dialect, dialect_of
from doubletime.server.errors import UNSUPPORTED, ApiError, bad
from doubletime.server.sampling_fields import SamplingFields
from doubletime.server.token_text import TokenText

_INLINE = 4096  # characters; longer texts are tokenized beside the event loop


@dataclass(frozen=True)
class ServedModel:
    """What the HTTP process knows of the model. The first name is the one it tells; it answers to each of them."""

    names: tuple[str, ...]
    max_model_len: int  # tokens of prompt and output together
    vocab_size: int
    created: int  # seconds since 1970
    tokenizer: Tokenizer | None = None  # None: it takes and gives token ids only
    priorities: bool = True  # whether the policy of the engine may heed them
    tool_parser: str = "auto"  # how the model writes calls: a key of dialect.TOOL_PARSERS
    reasoning_parser: str = "auto"  # whether it writes thoughts: think or none

    @cached_property
    def template(self) -> ChatTemplate:
        """Raises ChatTemplateError if the checkpoint has none."""
        return ChatTemplate.load(self.text_tokenizer)

    @cached_property
    def tool_template(self) -> ChatTemplate:
        """The one for prompts with tools, where the checkpoint has its own."""
        tokenizer = self.text_tokenizer
        return ChatTemplate.load(tokenizer, "tool_use") if "tool_use" in tokenizer.chat_templates else self.template

    @cached_property
    def dialect(self) -> Dialect:
        return dialect_of(self.text_tokenizer, self.tool_parser, self.reasoning_parser)

    @cached_property
    def token_text(self) -> TokenText:
        return TokenText(self.tokenizer)

    @property
    def text_tokenizer(self) -> Tokenizer:
        if self.tokenizer is None:
            raise bad("prompt", "this model has no tokenizer: send token ids to /v1/completions")
        return self.tokenizer

    def check_name(self, name: str) -> None:
        """Raises ApiError if this model does not answer to it."""
        if name not in self.names:
            known = " or ".join(self.names)
            raise ApiError(404, f"the model {name!r} does not exist: send {known}", "model", "model_not_found")

    def check_ids(self, param: str, ids: Sequence[int]) -> None:
        """Raises ApiError if one is not in the vocabulary."""
        if ids and not (min(ids) >= 0 and max(ids) < self.vocab_size):
            token = next(token for token in ids if not 0 <= token < self.vocab_size)
            raise bad(param, f"there is no token {token}: ids go from 0 to {self.vocab_size - 1}")

    async def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        tokenizer = self.text_tokenizer
        if len(text) <= _INLINE:
            await asyncio.sleep(0)  # there may be many of them
            return tokenizer.encode(text, add_special_tokens)
        return await asyncio.to_thread(tokenizer.encode, text, add_special_tokens)


@dataclass(frozen=True, slots=True)
class Job:
    """One prompt, ready for the engine."""

    prompt: Sequence[int]
    params: Params
    priority: int = 0


async def check(model: ServedModel, request: SamplingFields) -> None:
    """What can be known of a request before its prompt is. Raises ApiError."""
    model.check_name(request.model)
    model.check_ids("stop_token_ids", request.stop_token_ids)
    model.check_ids("logit_bias", tuple(request.logit_bias or ()))
    if request.priority and not model.priorities:
        raise bad("priority", "priority must be 0: the policy of this server does not order by it", UNSUPPORTED)
    if request.stop and model.tokenizer is None:
        raise bad("stop", "stop needs a tokenizer, and this model has none: send stop_token_ids")
    if request.structured is not None:
        await _check_structured(model, *request.structured)


async def _check_structured(model: ServedModel, param: str, structured: Structured) -> None:
    """Compiling may take a while, so it is done beside the event loop."""
    if model.tokenizer is None:
        raise bad(param, f"{param} needs a tokenizer, and this model has none")
    try:
        await asyncio.to_thread(check_grammar, structured)
    except ValueError as error:
        raise bad(param, f"{param}: {error}") from error


def job(model: ServedModel, request: SamplingFields, param: str, ids: Sequence[int]) -> Job:
    """Checks the lengths; without a limit of its own an output may fill what the prompt leaves."""
    room, limit = model.max_model_len - len(ids), request.limit
    if not ids:
        raise bad(param, f"{param} is empty")
    if room < (1 if limit is None else limit):
        wanted = "no room for an output" if room < 1 else f"too little room for max_tokens {limit}"
        message = f"this model holds {model.max_model_len} tokens; {param} has {len(ids)}, which leaves {wanted}"
        raise bad(param, message, "context_length_exceeded")
    if request.min_tokens > room:
        raise bad("min_tokens", f"min_tokens is {request.min_tokens}, but {param} leaves room for {room} tokens only")
    return Job(ids, request.params(room if limit is None else limit), request.priority)
