"""The JSON that OpenAI's clients read, for completions and for chat, whole and in pieces."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from doubletime.core.vocabulary import Finish
from doubletime.server.client import Chunk
from doubletime.server.gather import Choice

Json = dict[str, Any]


class Format(Protocol):
    """How one route words its replies."""

    def whole(self, choices: Sequence[Choice], usage: Json) -> Json: ...

    def opening(self, choice: int) -> Json | None:
        """What is sent before the first chunk of a choice."""
        ...

    def piece(self, chunk: Chunk) -> Json: ...

    def closing(self, usage: Json) -> Json:
        """The last piece of a stream that was asked to tell its usage."""
        ...


@dataclass(frozen=True)
class _Envelope:
    """What all pieces of one reply have in common."""

    model: str
    prefix: str
    created: int = field(default_factory=lambda: int(time.time()))
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def wrap(self, kind: str, choices: list[Json]) -> Json:
        name = f"{self.prefix}-{self.id}"
        return {"id": name, "object": kind, "created": self.created, "model": self.model, "choices": choices}


class CompletionFormat:
    """/v1/completions"""

    def __init__(self, model: str) -> None:
        self._envelope = _Envelope(model, "cmpl")

    def whole(self, choices: Sequence[Choice], usage: Json) -> Json:
        parts = [_choice(choice.index, choice.finish, text=choice.text) for choice in choices]
        return self._envelope.wrap("text_completion", parts) | {"usage": usage}

    def opening(self, choice: int) -> Json | None:
        return None

    def piece(self, chunk: Chunk) -> Json:
        return self._envelope.wrap("text_completion", [_choice(chunk.choice, chunk.finish, text=chunk.text)])

    def closing(self, usage: Json) -> Json:
        return self._envelope.wrap("text_completion", []) | {"usage": usage}


class ChatFormat:
    """/v1/chat/completions"""

    def __init__(self, model: str) -> None:
        self._envelope = _Envelope(model, "chatcmpl")

    def whole(self, choices: Sequence[Choice], usage: Json) -> Json:
        parts = [
            _choice(choice.index, choice.finish, message={"role": "assistant", "content": choice.text})
            for choice in choices
        ]
        return self._envelope.wrap("chat.completion", parts) | {"usage": usage}

    def opening(self, choice: int) -> Json | None:
        return self._delta(choice, None, {"role": "assistant", "content": ""})

    def piece(self, chunk: Chunk) -> Json:
        return self._delta(chunk.choice, chunk.finish, {"content": chunk.text} if chunk.text else {})

    def closing(self, usage: Json) -> Json:
        return self._envelope.wrap("chat.completion.chunk", []) | {"usage": usage}

    def _delta(self, choice: int, finish: Finish | None, delta: Json) -> Json:
        return self._envelope.wrap("chat.completion.chunk", [_choice(choice, finish, delta=delta)])


def _choice(index: int, finish: Finish | None, **content: Any) -> Json:
    return {"index": index, **content, "logprobs": None, "finish_reason": finish.value if finish else None}


def usage(prompt_tokens: int, completion_tokens: int) -> Json:
    """Tokens; a prompt is counted once however many choices it has."""
    total = prompt_tokens + completion_tokens
    return {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, "total_tokens": total}
