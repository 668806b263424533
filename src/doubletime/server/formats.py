"""What the replies of all routes that generate text have in common."""

from __future__ import annotations

import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from doubletime.server.client import Chunk
from doubletime.server.errors import ApiError
from doubletime.server.fields import Json
from doubletime.server.gather import Choice
from doubletime.server.sampling_fields import SamplingFields
from doubletime.server.usage import Usage


class Format(ABC):
    """How one route words one reply, whole or as the events of a stream. `id` is what the API calls the request."""

    id: str
    terminator: ClassVar[str | None] = "[DONE]"  # the data of the last event of a stream

    @abstractmethod
    def whole(self, choices: Sequence[Choice], usage: Usage) -> Json: ...

    @abstractmethod
    def opening(self, choices: int) -> Iterable[Json]:
        """What is sent before the first chunk."""

    @abstractmethod
    def pieces(self, chunk: Chunk, usage: Usage) -> Iterable[Json]:
        """What one chunk says; `usage` has counted it."""

    @abstractmethod
    def closing(self, usage: Usage) -> Iterable[Json]:
        """What is sent after the last chunk."""

    def failure(self, error: ApiError) -> Json:
        """The event that tells of an error in the middle of a stream."""
        return error.to_json()


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all pieces of one reply have in common."""

    request: SamplingFields
    id: str
    created: int = field(default_factory=lambda: int(time.time()))

    def wrap(self, kind: str, choices: list[Json]) -> Json:
        about = {"id": self.id, "object": kind, "created": self.created, "model": self.request.model}
        return about | {"choices": choices}

    def piece(self, kind: str, choice: Json, usage: Usage | None) -> Json:
        """A piece of a stream with one choice; usage: None before the first chunk."""
        if self.request.continuous_usage:
            return self.wrap(kind, [choice]) | {"usage": None if usage is None else usage.to_json()}
        return self.wrap(kind, [choice]) | ({"usage": None} if self.request.include_usage else {})

    def closing(self, kind: str, usage: Usage) -> list[Json]:
        """The piece that tells the usage, if it was asked for."""
        return [self.wrap(kind, []) | {"usage": usage.to_json()}] if self.request.include_usage else []


def new_id(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex}"


def choice_json(chunk: Chunk, logprobs: Json | None, **content: Any) -> Json:
    """What every route says of a choice, beside its content."""
    finish = chunk.finish.value if chunk.finish else None
    end = {"logprobs": logprobs, "finish_reason": finish, "stop_reason": chunk.stop_reason}
    return {"index": chunk.choice, **content, **end}
