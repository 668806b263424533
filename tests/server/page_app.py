"""The live page in front of a scripted engine: what the page asks for, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from doubletime.server.page.routes import page_routes
from tests.server.scripted_engine import ScriptedEngine


@dataclass
class PageApp:
    """`key`: what it wants in the Authorization header. `template` False: it cannot chat. `down`: /live is refused."""

    engine: ScriptedEngine = field(default_factory=ScriptedEngine)
    key: str = ""
    template: bool = True
    down: bool = False
    beat_s: float = 0.5
    answer: tuple[str, ...] = ("It ", "is ", "<b>bold</b>", ".")
    asked: list[dict[str, Any]] = field(default_factory=list)
    cut: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> Starlette:
        own = [
            Route("/live", self._live),
            Route("/requests/{id:path}", self._request),
            Route("/v1/models", self._models),
            Route("/v1/chat/completions", self._answer, methods=["POST"]),
            Route("/v1/completions", self._answer, methods=["POST"]),
        ]
        return Starlette(routes=[*own, *page_routes()])

    def _refusal(self, request: Request) -> Response | None:
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            return _error(401, "this server wants an API key")
        return None

    async def _live(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        if self.down:
            return _error(503, "the engine has stopped")
        return StreamingResponse(self._frames(), media_type="text/event-stream")

    async def _frames(self) -> AsyncIterator[bytes]:
        self.cut.clear()
        while not self.cut.is_set():
            yield b"data: " + json.dumps(self.engine.frame(self.beat_s)).encode() + b"\n\n"
            await asyncio.sleep(self.beat_s)

    async def _request(self, request: Request) -> Response:
        jobs = [job for job in self.engine.jobs if job.id == request.path_params["id"]]
        return JSONResponse(jobs[0].to_json(self.engine.now)) if jobs else _error(404, "there is no such request")

    async def _models(self, request: Request) -> Response:
        return self._refusal(request) or JSONResponse({"data": [{"id": "tiny"}, {"id": "alias"}]})

    async def _answer(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        body = await request.json()
        self.asked.append(body)
        if "messages" in body and not self.template:
            return _error(400, "this checkpoint has no chat template", "messages")
        return StreamingResponse(self._pieces("messages" in body), media_type="text/event-stream")

    async def _pieces(self, chat: bool) -> AsyncIterator[bytes]:
        name = f"chatcmpl-{len(self.asked)}"
        self.engine.add(name, output=len(self.answer))
        for piece in self.answer:
            await asyncio.sleep(0.03)
            yield _event(name, [{"index": 0} | ({"delta": {"content": piece}} if chat else {"text": piece})])
        end = {"index": 0, "finish_reason": "stop"} | ({"delta": {}} if chat else {"text": ""})
        yield _event(name, [end])
        yield _event(name, [], {"prompt_tokens": 9, "completion_tokens": len(self.answer)})
        yield b"data: [DONE]\n\n"


def _event(name: str, choices: list[dict[str, Any]], usage: dict[str, int] | None = None) -> bytes:
    return b"data: " + json.dumps({"id": name, "choices": choices, "usage": usage}).encode() + b"\n\n"


def _error(status: int, message: str, param: str | None = None) -> Response:
    return JSONResponse({"error": {"message": message, "param": param}}, status)
