"""How long the parts of a reply took, in the words of llama.cpp's server."""

from __future__ import annotations

import time

from doubletime.server.client import Chunk
from doubletime.server.fields import Json


class Timings:
    """Taken as chunks come. Of several prompts, the longest time to the first token counts.

    The first token is of the prompt's time, and counts among the predicted ones all the same, as in llama.cpp.
    """

    def __init__(self, choices: int) -> None:
        self._living = choices
        self._prompt_s = 0.0
        self._first: float | None = None
        self._last = 0.0

    def add(self, chunk: Chunk) -> None:
        self._last = time.monotonic()
        self._first = self._last if self._first is None else self._first
        self._prompt_s = max(self._prompt_s, chunk.prefill_s)
        self._living -= chunk.finish is not None

    @property
    def complete(self) -> bool:
        """Every choice has ended."""
        return not self._living

    def to_json(self, prompt: int, cached: int, predicted: int) -> Json:
        """`prompt` tokens, `cached` of which were found in the cache, and `predicted` ones since."""
        predicted_s = 0.0 if self._first is None else self._last - self._first
        return {
            "cache_n": cached,
            **_rates("prompt", prompt - cached, self._prompt_s),
            **_rates("predicted", predicted, predicted_s),
        }


def _rates(what: str, count: int, seconds: float) -> Json:
    ms = seconds * 1e3
    return {
        f"{what}_n": count,
        f"{what}_ms": round(ms, 3),
        f"{what}_per_token_ms": round(ms / count, 3) if count else 0.0,
        f"{what}_per_second": round(count / seconds, 3) if seconds else 0.0,
    }
