"""The JSON that a request carries."""

from __future__ import annotations

import json
from typing import Any, Never

from starlette.requests import ClientDisconnect, Request

from doubletime.server.errors import bad


async def read_body(request: Request) -> Any:
    """Raises ApiError for what is not JSON (NaN is not), and for what a guard refuses."""
    body = await _read(request)
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise bad(None, f"the body is not valid JSON: {error}") from error


async def _read(request: Request) -> bytes:
    try:
        return await request.body()
    except ClientDisconnect as error:
        raise bad(None, "the body is incomplete") from error


def _refuse(constant: str) -> Never:
    raise ValueError(f"{constant} is not JSON")
