"""What `LLM.embed` returns, with the names that vLLM's users know."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from doubletime.engine.messages import Update


@dataclass(slots=True)
class EmbeddingOutput:
    """The vector; empty where `error` says what went wrong."""

    embedding: list[float] = field(default_factory=list)
    error: str | None = None


@dataclass(slots=True)
class EmbeddingRequestOutput:
    """A prompt and its embedding."""

    prompt: str | None
    prompt_token_ids: list[int]
    outputs: EmbeddingOutput = field(default_factory=EmbeddingOutput)
    finished: bool = False

    def take(self, update: Update) -> None:
        """The engine's news of it; all but the last say that it has begun."""
        self.finished = update.finish is not None
        self.outputs.error = update.error or None
        if update.embedding is not None:
            self.outputs.embedding = array("f", update.embedding).tolist()
