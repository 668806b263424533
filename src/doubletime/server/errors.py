"""Errors as OpenAI's clients know them: a status and {"error": {"message", "type", "param", "code"}}."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from doubletime.server.client import EngineStopped, Refused


class ApiError(Exception):
    """A reply other than success. `param` is the field that is to blame."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code

    def to_json(self) -> dict[str, Any]:
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


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
            return ApiError(503, str(error) or "the engine has stopped", code="engine_stopped")
        case HTTPException():
            return ApiError(error.status_code, error.detail)
        case _:
            return ApiError(500, HTTPStatus.INTERNAL_SERVER_ERROR.phrase)


async def error_reply(_: Request, error: Exception) -> Response:
    """An exception handler for Starlette."""
    told = as_api_error(error)
    headers = getattr(error, "headers", None)
    return JSONResponse(told.to_json(), told.status, headers)


HANDLERS: dict[Any, Any] = dict.fromkeys((ApiError, Refused, EngineStopped, HTTPException, Exception), error_reply)
