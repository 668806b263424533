"""A request of /v1/responses as the chat that it is, with errors in its own words."""

from __future__ import annotations

import re

from doubletime.server.chat.fields import ChatRequest
from doubletime.server.chat.jobs import ChatWork, chat_work
from doubletime.server.chat.messages import Message
from doubletime.server.errors import ApiError
from doubletime.server.prompts import ServedModel
from doubletime.server.responses.fields import ResponseRequest
from doubletime.server.structured_fields import JsonSchema, ResponseFormat

_NAMES = {  # the chat's → this route's
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
}
_WORD = re.compile(rf"\b({'|'.join(_NAMES)})\b")


async def response_work(model: ServedModel, asked: ResponseRequest) -> tuple[ChatRequest, ChatWork]:
    """The chat, and the work that it asks for. Raises ApiError."""
    try:
        chat = as_chat(asked)
        return chat, await chat_work(model, chat)
    except ApiError as error:
        raise _reworded(error) from error


def as_chat(asked: ResponseRequest) -> ChatRequest:
    """Raises ApiError in the chat's words."""
    system = () if asked.instructions is None else (Message(role="system", content=asked.instructions),)
    return ChatRequest(
        model=asked.model,
        messages=(*system, *asked.input),
        max_completion_tokens=asked.max_output_tokens,
        temperature=asked.temperature,
        top_p=asked.top_p,
        response_format=_format(asked),
        tools=tuple(tool.tool() for tool in asked.tools),
        tool_choice=asked.tool_choice,
        parallel_tool_calls=asked.parallel_tool_calls,
        reasoning_effort=asked.reasoning.effort if asked.reasoning else None,
        logprobs=asked.logprobs,
        top_logprobs=asked.top_logprobs,
        stream=asked.stream,
    )


def _format(asked: ResponseRequest) -> ResponseFormat:
    schema = asked.format.schema
    named = None if schema is None else JsonSchema(name=asked.format.name or "answer", schema=schema)
    return ResponseFormat(type=asked.format.type, json_schema=named)


def _reworded(error: ApiError) -> ApiError:
    return ApiError(error.status, _words(error.message), error.param and _words(error.param), error.code, error.headers)


def _words(text: str) -> str:
    return _WORD.sub(lambda found: _NAMES[found[0]], text)
