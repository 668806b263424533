"""The bodies of /tokenize and /detokenize, with vLLM's names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from doubletime.server import fields as f
from doubletime.server.chat.fields import ChatRequest
from doubletime.server.chat.messages import MESSAGES, Message
from doubletime.server.chat.template_fields import EFFORT, VARIABLES
from doubletime.server.chat.tools import TOOLS, Tool
from doubletime.server.declare import Declared, optional, required
from doubletime.server.errors import bad
from doubletime.server.token_fields import TOKENS

_CHAT = ("tools", "add_generation_prompt", "continue_final_message", "chat_template_kwargs", "reasoning_effort")


@dataclass(frozen=True, kw_only=True)
class TokenizeRequest(Declared):
    REFUSED: ClassVar[Mapping[str, str]] = {"chat_template": "the template is the checkpoint's"}

    model: str | None = optional(f.text, None, "one of the names that /v1/models lists; may be left out")
    prompt: str | None = optional(f.text, None, "a text")
    messages: tuple[Message, ...] | None = optional(MESSAGES, None, "a chat instead of a text")
    add_special_tokens: bool | None = optional(
        f.flag, None, "put the tokenizer's own tokens (bos) around it; else true for a text, false for a chat"
    )
    return_token_strs: bool = optional(f.flag, False, "tell what each token stands for too")
    tools: tuple[Tool, ...] | None = optional(TOOLS, None, "of a chat: functions that the model may call")
    add_generation_prompt: bool | None = optional(f.flag, None, "of a chat: whether its end opens an answer")
    continue_final_message: bool | None = optional(f.flag, None, "of a chat: its end is left open")
    chat_template_kwargs: Mapping[str, Any] | None = optional(VARIABLES, None, "of a chat: variables of the template")
    reasoning_effort: str | None = optional(EFFORT, None, "of a chat: for templates that read it")

    def __post_init__(self) -> None:
        if (self.prompt is None) == (self.messages is None):
            raise bad("prompt", "send one of prompt and messages", "missing_required_parameter")
        for name in _CHAT:
            if self.messages is None and getattr(self, name) is not None:
                raise bad(name, f"{name} is allowed only with messages")

    def chat(self, model: str) -> ChatRequest:
        """The chat whose prompt is to be tokenized."""
        return ChatRequest(
            model=model,
            messages=self.messages or (),
            tools=self.tools or (),
            add_generation_prompt=self.add_generation_prompt,
            continue_final_message=bool(self.continue_final_message),
            chat_template_kwargs=self.chat_template_kwargs,
            reasoning_effort=self.reasoning_effort,
        )


@dataclass(frozen=True, kw_only=True)
class DetokenizeRequest(Declared):
    model: str | None = optional(f.text, None, "one of the names that /v1/models lists; may be left out")
    tokens: tuple[int, ...] = required(TOKENS, "token ids")
