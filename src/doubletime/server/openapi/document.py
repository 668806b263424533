"""The document at /openapi.json."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from doubletime.server.declare import schema_of
from doubletime.server.openapi.operations import OPERATIONS, Operation
from doubletime.server.openapi.replies import REPLIES
from doubletime.server.openapi.response import RESPONSE
from doubletime.server.openapi.words import TEXT, Json, ref
from doubletime.version import __version__

_BEFORE = (401, 403)  # what stands before the routes may give


@cache
def document() -> Json:
    """OpenAPI 3.1; the schemas of requests come from the declarations that read them."""
    paths: Json = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    requests = {item.body.__name__: schema_of(item.body) for item in OPERATIONS if item.body}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "doubletime",
            "version": __version__,
            "description": "An OpenAI-compatible server. A null is an absent field; unknown fields are refused.",
        },
        "paths": paths,
        "components": {
            "schemas": requests | REPLIES | {"Response": RESPONSE},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "with --api-key"}},
        },
        "security": [{}, {"key": []}],
    }


def openapi_route() -> Route:
    async def openapi(request: Request) -> Response:
        return JSONResponse(document())

    return Route("/openapi.json", openapi)


def _operation(operation: Operation) -> Json:
    name = f"{operation.method.lower()}_{operation.path.strip('/').translate(str.maketrans('/.{}', '____'))}"
    found: Json = {"operationId": name, "summary": operation.summary, "responses": _replies(operation)}
    if operation.parameters:
        found["parameters"] = list(operation.parameters)
    if operation.body is not None:
        content = {"application/json": {"schema": ref(operation.body.__name__)}}
        found["requestBody"] = {"required": True, "content": content}
    return found


def _replies(operation: Operation) -> Json:
    failures = {
        str(status): {"description": HTTPStatus(status).phrase, "content": _json("Error")}
        for status in sorted((*_BEFORE, *operation.statuses))
    }
    if operation.path == "/health":  # open to everybody
        del failures["401"]
        failures["503"]["content"] = _json("Health")
    return {"200": {"description": operation.summary, "content": _content(operation)}} | failures


def _content(operation: Operation) -> Json:
    if "/" in operation.reply:
        return {operation.reply: {"schema": TEXT}}
    events = {"text/event-stream": {"schema": TEXT | {"description": "server-sent events"}}}
    return _json(operation.reply) | (events if operation.streams else {})


def _json(name: str) -> Json:
    return {"application/json": {"schema": ref(name)}}
