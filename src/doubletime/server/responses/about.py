"""What a response repeats of its request."""

from __future__ import annotations

import json

from doubletime.server.chat.tools import ToolChoice
from doubletime.server.fields import Json
from doubletime.server.responses.fields import ResponseRequest, TextFormat
from doubletime.server.responses.tools import choice_json


def about(request: ResponseRequest) -> Json:
    """With the defaults resolved, and with nothing said yet of how it ended."""
    choice = request.tool_choice or ToolChoice("auto")
    return {
        "model": request.model,
        "error": None,
        "incomplete_details": None,
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "metadata": request.metadata or {},
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "previous_response_id": None,
        "reasoning": {"effort": request.reasoning.effort if request.reasoning else None, "summary": None},
        "service_tier": "default",
        "store": False,
        "temperature": request.temperature,
        "text": {"format": _format(request.format)},
        "tool_choice": choice_json(choice),
        "tools": [tool.to_json() for tool in request.tools],
        "top_logprobs": request.top_logprobs or 0,
        "top_p": request.top_p,
        "truncation": "disabled",
        "usage": None,
        "background": False,
        "user": request.user or None,
    }


def _format(asked: TextFormat) -> Json:
    if asked.schema is None:
        return {"type": asked.type}
    words = {"name": asked.name, "description": asked.description, "strict": asked.strict}
    return {"type": asked.type, "schema": json.loads(asked.schema.text)} | words
