"""The JSON of /v1/completions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from doubletime.decoding.logprobs import TokenLogprobs
from doubletime.server.client import Chunk
from doubletime.server.completions.choice import ChoiceWriter
from doubletime.server.completions.fields import CompletionRequest
from doubletime.server.fields import Json
from doubletime.server.formats import Envelope, Format, new_id
from doubletime.server.gather import Choice
from doubletime.server.prompts import Job, ServedModel
from doubletime.server.usage import Usage

_KIND = "text_completion"
PromptLogprobs = Sequence[TokenLogprobs | None]


class CompletionFormat(Format):
    """The pieces of a choice wait for the log-probabilities of its prompt, if they belong into the first."""

    def __init__(self, request: CompletionRequest, jobs: Sequence[Job], model: ServedModel) -> None:
        self.id = new_id("cmpl")
        self._request = request
        self._envelope = Envelope(request, self.id)
        self._writers = [ChoiceWriter(request, job, model, text) for job, text in _choices(request, jobs)]
        self._known: dict[int, PromptLogprobs] = {}  # by job
        self._held: dict[int, list[Chunk]] = {}

    def whole(self, choices: Sequence[Choice], usage: Usage) -> Json:
        joined = [choice.joined() for choice in choices]
        for chunk in joined:
            self._learn(chunk)
        parts = [self._write(chunk) for chunk in joined]
        return self._envelope.wrap(_KIND, parts) | {"usage": usage.to_json()}

    def opening(self, choices: int) -> Iterable[Json]:
        return ()

    def pieces(self, chunk: Chunk, usage: Usage) -> Iterable[Json]:
        job = self._learn(chunk)
        if self._request.prompt_best is not None and job not in self._known:
            self._held.setdefault(job, []).append(chunk)
            return
        for one in (*self._held.pop(job, ()), chunk):
            if self._writers[one.choice].has_news(one):
                yield self._envelope.piece(_KIND, self._write(one), usage)

    def closing(self, usage: Usage) -> Iterable[Json]:
        return self._envelope.closing(_KIND, usage)

    def _learn(self, chunk: Chunk) -> int:
        """The job that a chunk is of; keeps what it tells of the prompt."""
        job = chunk.choice // self._request.n
        if chunk.prompt_logprobs:
            self._known[job] = chunk.prompt_logprobs
        return job

    def _write(self, chunk: Chunk) -> Json:
        return self._writers[chunk.choice].write(chunk, self._known.get(chunk.choice // self._request.n, ()))


def _choices(request: CompletionRequest, jobs: Sequence[Job]) -> Iterable[tuple[Job, str | None]]:
    """For each choice its job, and the prompt if it was a text."""
    for job, prompt in zip(jobs, request.prompt, strict=True):
        yield from [(job, prompt if isinstance(prompt, str) else None)] * request.n
