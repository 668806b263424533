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

from doubletime.server.client import EngineClient
from doubletime.server.errors import HANDLERS, ApiError
from doubletime.server.exchange import Exchange
from doubletime.server.fields import read_body
from doubletime.server.formats import ChatFormat, CompletionFormat
from doubletime.server.prompts import ServedModel, chat_jobs, completion_jobs
from doubletime.server.requests import chat_request, completion_request


class Api:
    """The handlers; they keep nothing between requests."""

    def __init__(self, model: ServedModel, client: EngineClient) -> None:
        self._model = model
        self._client = client

    async def completions(self, request: Request) -> ASGIApp:
        asked = completion_request(await read_body(request))
        jobs = await completion_jobs(self._model, asked)
        return Exchange(self._client, jobs, asked.sampling, CompletionFormat(asked.sampling.model))

    async def chat_completions(self, request: Request) -> ASGIApp:
        asked = chat_request(await read_body(request))
        jobs = await chat_jobs(self._model, asked)
        return Exchange(self._client, jobs, asked.sampling, ChatFormat(asked.sampling.model))

    async def models(self, request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [self._describe(name) for name in self._model.names]})

    async def model(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._model.names:
            raise ApiError(404, f"the model {name!r} does not exist", "model", "model_not_found")
        return JSONResponse(self._describe(name))

    async def health(self, request: Request) -> Response:
        healthy = self._client.healthy
        return JSONResponse({"status": "ok" if healthy else "engine stopped"}, 200 if healthy else 503)

    def routes(self) -> list[Route]:
        return [
            Route("/v1/completions", self.completions, methods=["POST"]),
            Route("/v1/chat/completions", self.chat_completions, methods=["POST"]),
            Route("/v1/models", self.models),
            Route("/v1/models/{name:path}", self.model),
            Route("/health", self.health),
        ]

    def _describe(self, name: str) -> dict[str, Any]:
        about = {"max_model_len": self._model.max_model_len}
        return {"id": name, "object": "model", "created": self._model.created, "owned_by": "doubletime"} | about


def create_app(model: ServedModel, client: EngineClient) -> Starlette:
    """The application; it starts the client with the event loop and closes it at the end."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await client.start()
        try:
            yield
        finally:
            await client.close()

    return Starlette(routes=Api(model, client).routes(), exception_handlers=HANDLERS, lifespan=lifespan)
