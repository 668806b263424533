"""The JSON of /v1/responses, whole and as events in OpenAI's order."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from doubletime.core.vocabulary import Finish
from doubletime.server.chat.jobs import ChatWork
from doubletime.server.client import Chunk
from doubletime.server.errors import ApiError
from doubletime.server.fields import Json
from doubletime.server.formats import Format, new_id
from doubletime.server.gather import Choice
from doubletime.server.logprobs import chat_logprobs
from doubletime.server.prompts import ServedModel
from doubletime.server.responses.about import about
from doubletime.server.responses.fields import ResponseRequest
from doubletime.server.responses.output import Output
from doubletime.server.usage import Usage


class ResponseWords(Format):
    """A whole response is what its stream would have ended with."""

    terminator = None

    def __init__(self, request: ResponseRequest, work: ChatWork, model: ServedModel) -> None:
        self.id = new_id("resp").replace("-", "_", 1)
        self._request = request
        self._model = model
        self._created = int(time.time())
        self._parser = work.reading.parser()
        self._output = Output(work.reading.one_call)
        self._held: list[Json] = []  # log-probabilities of tokens whose text has not come yet
        self._thought = 0  # tokens
        self._finish: Finish | None = None
        self._sent = 0  # events

    def whole(self, choices: Sequence[Choice], usage: Usage) -> Json:
        for chunk in choices[0].chunks:
            list(self._take(chunk))
        return self._ended(usage)

    def opening(self, choices: int) -> Iterable[Json]:
        for kind in ("created", "in_progress"):
            yield self._numbered({"type": f"response.{kind}", "response": self._response("in_progress")})

    def pieces(self, chunk: Chunk, usage: Usage) -> Iterable[Json]:
        return map(self._numbered, self._take(chunk))

    def closing(self, usage: Usage) -> Iterable[Json]:
        response = self._ended(usage)
        yield self._numbered({"type": f"response.{response['status']}", "response": response})

    def failure(self, error: ApiError) -> Json:
        told = {"code": "server_error", "message": error.message}
        return self._numbered({"type": "response.failed", "response": self._response("failed") | {"error": told}})

    def _take(self, chunk: Chunk) -> Iterable[Json]:
        deltas = self._parser.push(chunk.text) + (self._parser.finish() if chunk.finish else [])
        if self._request.logprobs:
            pairs = list(zip(chunk.token_ids, chunk.logprobs, strict=True))
            self._held += chat_logprobs(pairs, self._model.token_text)["content"]
        for delta in deltas:
            held, self._held = self._held, []
            yield from self._output.take(delta, held)
        self._thought += len(chunk.token_ids) if self._output.thinks else 0
        if chunk.finish:
            self._finish = chunk.finish
            yield from self._output.close("incomplete" if chunk.finish is Finish.LENGTH else "completed")

    def _ended(self, usage: Usage) -> Json:
        cut = self._finish is Finish.LENGTH
        response = self._response("incomplete" if cut else "completed")
        response["incomplete_details"] = {"reason": "max_output_tokens"} if cut else None
        response["usage"] = {
            "input_tokens": usage.prompt,
            "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
            "output_tokens": usage.completion,
            "output_tokens_details": {"reasoning_tokens": self._thought},
            "total_tokens": usage.prompt + usage.completion,
        }
        return response

    def _response(self, status: str) -> Json:
        output = [item.to_json() for item in self._output.items]
        head = {"id": self.id, "object": "response", "created_at": self._created, "status": status}
        return head | {"output": output} | about(self._request)

    def _numbered(self, event: Json) -> Json:
        self._sent += 1
        return event | {"sequence_number": self._sent - 1}
