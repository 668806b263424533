"""Every route that clients use: what it takes and what it gives."""

from __future__ import annotations

from dataclasses import dataclass

from doubletime.server.chat.fields import ChatRequest
from doubletime.server.completions.fields import CompletionRequest
from doubletime.server.declare import Declared
from doubletime.server.embeddings.fields import EmbeddingRequest
from doubletime.server.openapi.words import TEXT, WHOLE, Json
from doubletime.server.responses.fields import ResponseRequest
from doubletime.server.tokens.fields import DetokenizeRequest, TokenizeRequest


@dataclass(frozen=True, slots=True)
class Operation:
    """`reply`: the name of a schema, or a media type of text; `streams`: also as server-sent events."""

    method: str
    path: str
    summary: str
    reply: str
    body: type[Declared] | None = None
    streams: bool = False
    parameters: tuple[Json, ...] = ()
    statuses: tuple[int, ...] = ()  # of errors, beside those that every route may give


def _in(place: str, name: str, schema: Json, what: str) -> Json:
    return {"name": name, "in": place, "required": place == "path", "schema": schema, "description": what}


_GENERATES = (400, 404, 413, 429, 500, 503, 504)
_READS = (400, 404, 413)
_LIMIT = _in("query", "limit", WHOLE | {"minimum": 0, "maximum": 10_000, "default": 200}, "at most so many")
_STREAM = _in("query", "stream", WHOLE | {"minimum": 0, "maximum": 1, "default": 0}, "1: two events a second")

OPERATIONS = (
    Operation(
        "POST", "/v1/completions", "Continues prompts", "Completion", CompletionRequest, True, statuses=_GENERATES
    ),
    Operation(
        "POST", "/v1/chat/completions", "Answers in a chat", "ChatCompletion", ChatRequest, True, statuses=_GENERATES
    ),
    Operation(
        "POST", "/v1/responses", "Answers, statelessly", "Response", ResponseRequest, True, statuses=_GENERATES
    ),
    Operation("POST", "/v1/embeddings", "Texts as vectors", "EmbeddingList", EmbeddingRequest, statuses=_GENERATES),
    Operation("GET", "/v1/models", "The names of the model", "ModelList"),
    Operation(
        "GET", "/v1/models/{name}", "One name of the model", "Model",
        parameters=(_in("path", "name", TEXT, "one that /v1/models lists"),), statuses=(404,),
    ),
    Operation("POST", "/tokenize", "Text or chat to token ids", "Tokens", TokenizeRequest, statuses=_READS),
    Operation("POST", "/detokenize", "Token ids to text", "Text", DetokenizeRequest, statuses=_READS),
    Operation("GET", "/health", "Whether the engine takes requests", "Health", statuses=(503,)),
    Operation("GET", "/version", "The version of the server", "Version"),
    Operation(
        "GET", "/requests", "Live and recently finished requests", "LiveRequests",
        parameters=(_LIMIT,), statuses=(400, 503),
    ),
    Operation(
        "GET", "/requests/{name}", "One request, and why it waited", "LiveRequest",
        parameters=(_in("path", "name", TEXT, "its id"),), statuses=(404, 503),
    ),
    Operation(
        "GET", "/live", "What the engine does now", "Live",
        streams=True, parameters=(_STREAM,), statuses=(400, 503),
    ),
    Operation("GET", "/metrics", "Metrics for Prometheus", "text/plain", statuses=(503,)),
    Operation("GET", "/openapi.json", "This document", "Document"),
)  # fmt: skip
