"""The OpenAPI document says what the server does: its routes, the fields it takes and the replies it gives."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from starlette.routing import Route

from doubletime.server.app import create_app
from doubletime.server.openapi.document import document
from doubletime.server.prompts import ServedModel
from tests.server.fake import FakeClient

MESSAGES = [{"role": "user", "content": "hi"}]
FORCED = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]
TOLD = {"return_token_ids": True, "prompt_logprobs": 1}


def validator(name: str) -> Draft202012Validator:
    root = document()
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": root["components"]})


def test_it_lists_the_routes_of_the_application(model: ServedModel) -> None:
    routes = [route for route in create_app(model, FakeClient()).routes if isinstance(route, Route)]
    served = {
        (re.sub(r":path\}", "}", route.path), method.lower())
        for route in routes
        if route.include_in_schema
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert served == {(path, method) for path, methods in document()["paths"].items() for method in methods}


def test_its_schemas_are_schemas(http: httpx.Client) -> None:
    told = http.get("/openapi.json").json()
    assert told == document()
    for schema in told["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    names = set(re.findall(r"#/components/schemas/(\w+)", str(told)))
    assert names <= set(told["components"]["schemas"])


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("/v1/completions", {"prompt": "x", "logprobs": 2, "echo": True} | TOLD, "Completion"),
        ("/v1/completions", {"prompt": "x", "timings": True}, "Completion"),
        ("/v1/chat/completions", {"messages": MESSAGES, "logprobs": True, "top_logprobs": 2} | TOLD, "ChatCompletion"),
        ("/v1/chat/completions", {"messages": MESSAGES, "tools": FORCED, "tool_choice": "required"}, "ChatCompletion"),
        ("/v1/responses", {"input": "hi", "top_logprobs": 1}, "Response"),
        ("/v1/responses", {"input": "hi", "max_output_tokens": 2}, "Response"),
        ("/tokenize", {"prompt": "hi", "return_token_strs": True}, "Tokens"),
        ("/detokenize", {"tokens": [5]}, "Text"),
        ("/v1/completions", {}, "Error"),
        ("/v1/models", None, "ModelList"),
        ("/v1/models/tiny", None, "Model"),
        ("/health", None, "Health"),
        ("/version", None, "Version"),
        ("/requests", None, "LiveRequests"),
        ("/live", None, "Live"),
    ],
)
def test_replies_are_as_it_says(
    http: httpx.Client, engine: FakeClient, path: str, body: dict[str, Any] | None, name: str
) -> None:
    if body is not None and "tool_choice" in body:
        engine.pieces = ['[{"name": "add", "arguments": {}}]']
    reply = http.get(path) if body is None else http.post(path, json={"model": "tiny"} | body)
    errors = [f"{list(error.path)}: {error.message[:300]}" for error in validator(name).iter_errors(reply.json())]
    assert errors == []
