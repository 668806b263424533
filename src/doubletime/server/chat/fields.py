"""The body of /v1/chat/completions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from doubletime.decoding.structured.spec import Structured
from doubletime.server import fields as f
from doubletime.server.chat.forcing import forced
from doubletime.server.chat.messages import MESSAGES, Message
from doubletime.server.chat.template_fields import TemplateFields
from doubletime.server.chat.tools import ToolFields
from doubletime.server.declare import optional, required
from doubletime.server.errors import bad
from doubletime.server.sampling_fields import LIMIT, TOP, SamplingFields


@dataclass(frozen=True, kw_only=True)
class ChatRequest(SamplingFields, ToolFields, TemplateFields):
    REFUSED: ClassVar[Mapping[str, str]] = {
        "functions": "send tools",
        "function_call": "send tool_choice",
        "chat_template": "the template is the checkpoint's",
        "audio": "it speaks no audio",
        "modalities": "it answers in text",
        "prediction": "it takes no predicted answer",
        "web_search_options": "it searches nothing",
        "verbosity": "say it in a message",
        "echo": "it belongs to /v1/completions",
        "best_of": "send n",
        "logprob_token_ids": "send top_logprobs",
    }

    messages: tuple[Message, ...] = required(MESSAGES, "the conversation so far")
    max_tokens: int | None = optional(LIMIT, None, "the old name of max_completion_tokens")
    max_completion_tokens: int | None = optional(LIMIT, None, "the most tokens of each choice; else as many as fit")
    logprobs: bool = optional(f.flag, False, "tell the log-probabilities of the answer")
    top_logprobs: int | None = optional(TOP, None, "and those of so many best tokens; only with logprobs")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_numbers()
        self._check_continuation()
        self.check_tools()
        asked = super().structured
        if asked is not None and self.choice.mode != "none":
            raise bad("tools", f"tools and {asked[0]} do not go together, unless tool_choice is none")

    def _check_numbers(self) -> None:
        old, new = self.max_tokens, self.max_completion_tokens
        if old is not None and new is not None and old != new:
            raise bad("max_tokens", f"max_tokens is {old} but max_completion_tokens is {new}: send one of them")
        if self.top_logprobs is not None and not self.logprobs:
            raise bad("top_logprobs", "top_logprobs is allowed only when logprobs is true")

    def _check_continuation(self) -> None:
        if not self.continue_final_message:
            return
        last = self.messages[-1]
        if self.add_generation_prompt:
            raise bad("add_generation_prompt", "add_generation_prompt and continue_final_message: send one of them")
        if last.role != "assistant" or not last.content or last.tool_calls:
            raise bad(
                "continue_final_message", "continue_final_message needs a last message that is an assistant's text"
            )

    @property
    def limit(self) -> int | None:
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    @property
    def best(self) -> int | None:
        return (self.top_logprobs or 0) if self.logprobs else None

    @property
    def structured(self) -> tuple[str, Structured] | None:
        """Calls that are demanded are a matter of what the output looks like too."""
        return ("tools", forced(self)) if self.choice.forced else super().structured
