"""GET /requests, /requests/ID, /live and /metrics."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from doubletime.server.client import EngineClient, EngineStopped
from doubletime.server.errors import ApiError, as_api_error, bad
from doubletime.server.monitor.exposition import CONTENT_TYPE
from doubletime.server.monitor.metrics import own_metrics
from doubletime.server.monitor.settings import MonitorSettings
from doubletime.server.monitor.view import live_json, request_json
from doubletime.server.monitor.vllm_metrics import vllm_metrics
from doubletime.server.monitor.watch import Watch

BEAT = 0.5  # seconds between the events of a stream
AGE = 0.25  # seconds that a look may be old
MOST = 10_000  # requests in a list


class MonitorApi:
    """The handlers. `model` is what clients call it."""

    def __init__(self, model: str, client: EngineClient, settings: MonitorSettings) -> None:
        self._model = model
        self._client = client
        self._settings = settings
        self._watch = Watch(client)

    async def requests(self, request: Request) -> Response:
        """Live ones first, as they came; then those that ended, the latest first."""
        limit = _whole(request, "limit", 200, MOST)
        snapshot = await self._client.inspect(limit)
        return JSONResponse([request_json(row, snapshot) for row in snapshot.requests])

    async def request(self, request: Request) -> Response:
        name = request.path_params["name"]
        snapshot = await self._client.inspect(1, name)
        if not snapshot.requests:
            message = f"no live or recently finished request is called {name!r}"
            raise ApiError(404, message, "id", "request_not_found")
        return JSONResponse(request_json(snapshot.requests[0], snapshot))

    async def live(self, request: Request) -> Response:
        snapshot = await self._watch.look(AGE)
        if _whole(request, "stream", 0, 1):
            headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
            return StreamingResponse(self._beats(), media_type="text/event-stream", headers=headers)
        return JSONResponse(live_json(self._model, self._client.about, snapshot, -1))

    async def metrics(self, request: Request) -> Response:
        snapshot = await self._client.inspect()
        text = own_metrics(self._model, self._client.about, snapshot)
        if self._settings.vllm_names:
            text += vllm_metrics(self._model, self._client.about, snapshot)
        return PlainTextResponse(text, media_type=CONTENT_TYPE)

    async def _beats(self) -> AsyncIterator[str]:
        """Steps that an event has told are not in the next. A stream ends with the engine, and says so."""
        after = -1
        while True:
            try:
                snapshot = await self._watch.look(AGE)
            except EngineStopped as error:
                yield f"event: error\ndata: {json.dumps(as_api_error(error).to_json())}\n\n"
                return
            event = live_json(self._model, self._client.about, snapshot, after)
            after = max([after, *(row.step for row in snapshot.steps)])
            yield f"data: {json.dumps(event, ensure_ascii=False, separators=(',', ':'))}\n\n"
            await asyncio.sleep(BEAT)

    def routes(self) -> list[Route]:
        return [
            Route("/requests", self.requests),
            Route("/requests/{name:path}", self.request),
            Route("/live", self.live),
            Route("/metrics", self.metrics),
        ]


def _whole(request: Request, name: str, default: int, most: int) -> int:
    """A whole number among the query parameters. Raises ApiError."""
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text) <= most):
        raise bad(name, f"{name} must be a whole number from 0 to {most}, not {text[:20]!r}")
    return int(text)
