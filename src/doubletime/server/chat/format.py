"""The JSON of /v1/chat/completions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from doubletime.core.vocabulary import Finish
from doubletime.server.chat.fields import ChatRequest
from doubletime.server.chat.jobs import ChatWork
from doubletime.server.chat.message import StreamedMessage, WholeMessage
from doubletime.server.client import Chunk
from doubletime.server.fields import Json
from doubletime.server.formats import Envelope, Format, choice_json, new_id
from doubletime.server.gather import Choice
from doubletime.server.logprobs import chat_logprobs, prompt_logprobs
from doubletime.server.prompts import ServedModel
from doubletime.server.usage import Usage

_PIECE = "chat.completion.chunk"


class ChatFormat(Format):
    """Tokens whose text is held back, for it may become a call, are told with their log-probabilities all the same."""

    def __init__(self, request: ChatRequest, work: ChatWork, model: ServedModel) -> None:
        self.id = new_id("chatcmpl")
        self._request = request
        self._work = work
        self._model = model
        self._envelope = Envelope(request, self.id)
        self._messages = [StreamedMessage(work.reading) for _ in range(request.n)]

    def whole(self, choices: Sequence[Choice], usage: Usage) -> Json:
        joined = [choice.joined() for choice in choices]
        parts = [self._whole(chunk) for chunk in joined]
        reply = self._envelope.wrap("chat.completion", parts) | {"usage": usage.to_json()} | self._prompt()
        if self._request.prompt_logprobs is not None:
            known = joined[0].prompt_logprobs
            pairs = list(zip(self._work.job.prompt, known, strict=False))
            reply["prompt_logprobs"] = prompt_logprobs(pairs, self._model.token_text)
        return reply

    def opening(self, choices: int) -> Iterable[Json]:
        for choice in range(choices):
            first = choice_json(Chunk(choice, ""), None, delta={"role": "assistant", "content": ""})
            yield self._envelope.piece(_PIECE, first, None) | self._prompt()

    def pieces(self, chunk: Chunk, usage: Usage) -> Iterable[Json]:
        message = self._messages[chunk.choice]
        deltas = message.push(chunk.text, last=chunk.finish is not None)
        if not deltas and (chunk.finish or (chunk.token_ids and self._tells_tokens)):
            deltas = [{}]
        for at, delta in enumerate(deltas, 1):
            part = chunk if at == len(deltas) else chunk._replace(finish=None, stop_reason=None)
            piece = choice_json(part, self._logprobs(chunk) if at == 1 else None, delta=delta)
            piece |= _finish(part, message.called) | (self._tokens(chunk) if at == 1 else {})
            yield self._envelope.piece(_PIECE, piece, usage)

    def closing(self, usage: Usage) -> Iterable[Json]:
        return self._envelope.closing(_PIECE, usage)

    def _whole(self, chunk: Chunk) -> Json:
        message = WholeMessage(self._work.reading, chunk.text)
        choice = choice_json(chunk, self._logprobs(chunk), message=message.to_json())
        return choice | _finish(chunk, message.called) | self._tokens(chunk)

    @property
    def _tells_tokens(self) -> bool:
        return self._request.logprobs or self._request.return_token_ids

    def _logprobs(self, chunk: Chunk) -> Json | None:
        if not self._request.logprobs:
            return None
        return chat_logprobs(list(zip(chunk.token_ids, chunk.logprobs, strict=True)), self._model.token_text)

    def _tokens(self, chunk: Chunk) -> Json:
        return {"token_ids": list(chunk.token_ids)} if self._request.return_token_ids else {}

    def _prompt(self) -> Json:
        return {"prompt_token_ids": list(self._work.job.prompt)} if self._request.return_token_ids else {}


def _finish(chunk: Chunk, called: bool) -> Json:
    """An answer that ends by itself after a call waits for the client to run it."""
    return {"finish_reason": "tool_calls"} if called and chunk.finish is Finish.STOP else {}
