"""The routes of the OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from doubletime.server.body import read_body
from doubletime.server.chat.fields import ChatRequest
from doubletime.server.chat.format import ChatFormat
from doubletime.server.chat.jobs import chat_work
from doubletime.server.client import EngineClient
from doubletime.server.completions.fields import CompletionRequest
from doubletime.server.completions.format import CompletionFormat
from doubletime.server.completions.jobs import completion_jobs
from doubletime.server.declare import read
from doubletime.server.embeddings.exchange import EmbeddingExchange
from doubletime.server.embeddings.fields import EmbeddingRequest
from doubletime.server.embeddings.jobs import embedding_jobs
from doubletime.server.errors import HANDLERS, ApiError
from doubletime.server.exchange import Exchange
from doubletime.server.monitor.logline import start_log
from doubletime.server.monitor.routes import MonitorApi
from doubletime.server.monitor.settings import QUIET, MonitorSettings
from doubletime.server.openapi.document import openapi_route
from doubletime.server.page.routes import page_routes
from doubletime.server.prompts import ServedModel
from doubletime.server.responses.fields import ResponseRequest
from doubletime.server.responses.format import ResponseWords
from doubletime.server.responses.translate import response_work
from doubletime.server.tokens.routes import TokensApi
from doubletime.version import __version__


class Api:
    """The handlers; they keep nothing between requests."""

    def __init__(self, model: ServedModel, client: EngineClient) -> None:
        self._model = model
        self._client = client

    async def completions(self, request: Request) -> ASGIApp:
        asked = read(CompletionRequest, await read_body(request))
        jobs = await completion_jobs(self._model, asked)
        return Exchange(self._client, jobs, asked, CompletionFormat(asked, jobs, self._model))

    async def chat_completions(self, request: Request) -> ASGIApp:
        asked = read(ChatRequest, await read_body(request))
        work = await chat_work(self._model, asked)
        return Exchange(self._client, [work.job], asked, ChatFormat(asked, work, self._model))

    async def responses(self, request: Request) -> ASGIApp:
        asked = read(ResponseRequest, await read_body(request))
        chat, work = await response_work(self._model, asked)
        return Exchange(self._client, [work.job], chat, ResponseWords(asked, work, self._model))

    async def embeddings(self, request: Request) -> ASGIApp:
        asked = read(EmbeddingRequest, await read_body(request))
        return EmbeddingExchange(self._client, await embedding_jobs(self._model, asked), asked)

    async def models(self, request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [self._describe(name) for name in self._model.names]})

    async def model(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._model.names:
            raise ApiError(404, f"the model {name!r} does not exist", "model", "model_not_found")
        return JSONResponse(self._describe(name))

    async def version(self, request: Request) -> Response:
        return JSONResponse({"version": __version__})

    async def health(self, request: Request) -> Response:
        healthy = self._client.healthy
        return JSONResponse({"status": "ok" if healthy else "engine stopped"}, 200 if healthy else 503)

    def routes(self) -> list[Route]:
        return [
            Route("/v1/completions", self.completions, methods=["POST"]),
            Route("/v1/chat/completions", self.chat_completions, methods=["POST"]),
            Route("/v1/responses", self.responses, methods=["POST"]),
            Route("/v1/embeddings", self.embeddings, methods=["POST"]),
            Route("/v1/models", self.models),
            Route("/v1/models/{name:path}", self.model),
            Route("/health", self.health),
            Route("/version", self.version),
        ]

    def _describe(self, name: str) -> dict[str, Any]:
        about = {"max_model_len": self._model.max_model_len}
        return {"id": name, "object": "model", "created": self._model.created, "owned_by": "doubletime"} | about


def create_app(model: ServedModel, client: EngineClient, settings: MonitorSettings = QUIET) -> Starlette:
    """The application; it starts the client with the event loop and closes it at the end."""
    monitor = MonitorApi(model.names[0], client, settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await client.start()
        log = start_log(client, settings)
        try:
            yield
        finally:
            log.cancel()
            await client.close()

    own = [*Api(model, client).routes(), *TokensApi(model).routes(), openapi_route()]
    routes = [*own, *monitor.routes(), *page_routes()]
    return Starlette(routes=routes, exception_handlers=HANDLERS, lifespan=lifespan)
