"""One choice of a completion as JSON. A whole choice is written as a stream's only piece would be."""

from __future__ import annotations

from collections.abc import Sequence

from doubletime.decoding.logprobs import TokenLogprobs
from doubletime.server.client import Chunk
from doubletime.server.completions.fields import CompletionRequest
from doubletime.server.fields import Json
from doubletime.server.formats import choice_json
from doubletime.server.logprobs import Offsets, Pairs, completion_logprobs, prompt_logprobs
from doubletime.server.prompts import Job, ServedModel
from doubletime.server.token_text import TokenText

_CONTEXT = 8  # prompt tokens that tell a detokenizer whether a space comes first


class ChoiceWriter:
    """Writes the pieces of one choice, in order; the first tells what was asked of the prompt."""

    def __init__(self, request: CompletionRequest, job: Job, model: ServedModel, prompt: str | None) -> None:
        self._request = request
        self._job = job
        self._model = model
        self._prompt = prompt
        self._begun = False
        self._offsets: Offsets | None = None

    def has_news(self, chunk: Chunk) -> bool:
        """Whether a client can see anything of it."""
        tokens = self._request.return_token_ids or self._request.logprobs is not None
        echoes = self._request.echo and not self._begun
        return bool(chunk.text or chunk.finish or echoes or (tokens and chunk.token_ids))

    def write(self, chunk: Chunk, known: Sequence[TokenLogprobs | None]) -> Json:
        """known: of the prompt's tokens, if they were asked for."""
        first, self._begun = not self._begun, True
        echo = first and self._request.echo
        logprobs = self._logprobs(chunk, known if echo else ())
        piece = choice_json(chunk, logprobs, text=(self._echoed() if echo else "") + chunk.text)
        return piece | self._asked(chunk, known, first)

    def _logprobs(self, chunk: Chunk, known: Sequence[TokenLogprobs | None]) -> Json | None:
        if self._request.logprobs is None:
            return None
        pairs: Pairs = [*zip(self._job.prompt, known, strict=False), *zip(chunk.token_ids, chunk.logprobs, strict=True)]
        if self._offsets is None:
            self._offsets = self._new_offsets()
        return completion_logprobs(pairs, self._texts, self._offsets)

    def _new_offsets(self) -> Offsets:
        if self._model.tokenizer is None:
            return Offsets(None)
        before = () if self._request.echo else self._job.prompt[-_CONTEXT:]
        vocabulary = self._model.tokenizer.vocabulary
        return Offsets(vocabulary.detokenizer(before, self._request.skip_special_tokens))

    def _echoed(self) -> str:
        if self._prompt is not None:
            return self._prompt
        if self._model.tokenizer is None:
            return ""
        return self._model.tokenizer.decode(self._job.prompt, self._request.skip_special_tokens)

    def _asked(self, chunk: Chunk, known: Sequence[TokenLogprobs | None], first: bool) -> Json:
        """vLLM's fields, where they were asked for."""
        request, asked = self._request, Json()
        if request.return_token_ids:
            asked["token_ids"] = list(chunk.token_ids)
            if first:
                asked["prompt_token_ids"] = list(self._job.prompt)
        if request.prompt_logprobs is not None:
            pairs = list(zip(self._job.prompt, known, strict=False))
            asked["prompt_logprobs"] = prompt_logprobs(pairs, self._texts)
        return asked

    @property
    def _texts(self) -> TokenText:
        return self._model.token_text
