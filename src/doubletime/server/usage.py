"""What a request has used, in tokens."""

from __future__ import annotations

from collections.abc import Sequence

from doubletime.server.client import Chunk
from doubletime.server.fields import Json
from doubletime.server.prompts import Job
from doubletime.server.timings import Timings


class Usage:
    """Counted as chunks come. A prompt counts once however many choices it has, and so do its cached tokens."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.prompt = sum(len(job.prompt) for job in jobs)
        self.completion = 0
        self._n = jobs[0].params.n if jobs else 1
        self._cached = [0] * len(jobs)
        self._timings = Timings(len(jobs) * self._n)

    @property
    def cached(self) -> int:
        return sum(self._cached)

    def add(self, chunk: Chunk) -> None:
        self.completion += len(chunk.token_ids)
        job = chunk.choice // self._n
        self._cached[job] = max(self._cached[job], chunk.cached)
        self._timings.add(chunk)

    @property
    def complete(self) -> bool:
        """Every choice has ended."""
        return self._timings.complete

    def timings(self) -> Json:
        """How long it took so far, as llama.cpp's server tells it."""
        return self._timings.to_json(self.prompt, self.cached, self.completion)

    def to_json(self) -> Json:
        """In the words of completions and chat."""
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {"cached_tokens": self.cached},
        }
