"""The body of /v1/embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, cast, get_args

from doubletime.decoding.pooling import Pooling, PoolingParams
from doubletime.server import fields as f
from doubletime.server.completions.fields import PROMPTS, Prompt
from doubletime.server.declare import Declared, optional, required

MAX_DIMENSIONS = 1 << 20  # the engine knows how many the model has


@dataclass(frozen=True, kw_only=True)
class EmbeddingRequest(Declared):
    REFUSED: ClassVar[Mapping[str, str]] = {
        "truncate_prompt_tokens": "send a shorter input",
        "messages": "send the text as input",
    }

    model: str = required(f.text, "one of the names that /v1/models lists")
    input: tuple[Prompt, ...] = required(PROMPTS, "a text, a list of texts, token ids, or a list of those")
    encoding_format: str = optional(f.one_of("float", "base64"), "float", "numbers, or their float32 bytes in base64")
    dimensions: int | None = optional(
        f.whole(1, MAX_DIMENSIONS), None, "only the first so many numbers; for models that were trained for it"
    )
    user: str = optional(f.text, "", "who asks; no effect")
    pooling: str = optional(f.one_of(*get_args(Pooling)), "last", "the final state of the last token, or the mean")
    normalize: bool = optional(f.flag, True, "scale to length 1")

    @property
    def params(self) -> PoolingParams:
        """The engine's view."""
        return PoolingParams(cast(Pooling, self.pooling), self.dimensions, self.normalize)
