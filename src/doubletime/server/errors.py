"""Errors as OpenAI's clients know them: a status and {"error": {"message", "type", "param", "code"}}."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from doubletime.server.client import EngineStopped, Refused

UNSUPPORTED = "unsupported_parameter"
_LONGEST = 900  # characters
_LOG = logging.getLogger("doubletime.server")


class ApiError(Exception):
    """A reply other than success. `param` is the field that is to blame."""

    def __init__(
        self,
        status: int,
        message: str,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        message = shortened(message)
        super().__init__(message)
        self.status, self.message, self.code, self.headers = status, message, code, headers
        self.param = None if param is None else shortened(param)

    def to_json(self) -> dict[str, Any]:
        return {"error": {"message": self.message, "type": self._kind, "param": self.param, "code": self.code}}

    @property
    def _kind(self) -> str:
        kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
        return kinds.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")


def shortened(text: str) -> str:
    """What a client is told must not grow with what it sent."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}…{text[-_LONGEST // 2 :]}"


def bad(param: str | None, message: str, code: str | None = None) -> ApiError:
    """A request that must be changed before it is sent again."""
    return ApiError(400, message, param, code)


def as_api_error(error: Exception) -> ApiError:
    """What a client is told of any exception; of an unforeseen one, only that it happened."""
    match error:
        case ApiError():
            return error
        case Refused():
            return bad(None, str(error), "request_refused")
        case EngineStopped():
            return _stopped(error)
        case HTTPException():
            return ApiError(error.status_code, error.detail, headers=error.headers)
        case _:
            return ApiError(500, HTTPStatus.INTERNAL_SERVER_ERROR.phrase)


def log_unforeseen(error: Exception) -> None:
    """What a client is not told is for the operator to read. (Outside of streams uvicorn writes it.)"""
    if not isinstance(error, ApiError | Refused | EngineStopped | HTTPException):
        _LOG.error("a request failed", exc_info=error)


def _stopped(error: EngineStopped) -> ApiError:
    headers = None if error.back_in is None else {"Retry-After": str(error.back_in)}
    return ApiError(503, str(error) or "the engine has stopped", code="engine_stopped", headers=headers)


def reply_of(error: ApiError) -> Response:
    """The whole reply."""
    return JSONResponse(error.to_json(), error.status, error.headers)


async def error_reply(_: Request, error: Exception) -> Response:
    """An exception handler for Starlette."""
    return reply_of(as_api_error(error))


HANDLERS: dict[Any, Any] = dict.fromkeys((ApiError, Refused, EngineStopped, HTTPException, Exception), error_reply)
