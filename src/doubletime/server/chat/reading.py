"""How the answers to a request are taken apart: what the request asks for, in the dialect of the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from doubletime.server.chat.dialect import TOOL_PARSERS, Dialect
from doubletime.server.chat.fields import ChatRequest
from doubletime.server.chat.parsing.answer import AnswerParser
from doubletime.server.chat.parsing.calls import CallParser
from doubletime.server.chat.parsing.forced import NamedParser, RequiredParser
from doubletime.server.chat.parsing.think import ThinkParser, is_open, opens_thought


@dataclass(frozen=True, slots=True)
class Reading:
    """`parser` makes one for each choice; `one_call`: no more than the first is told; `thoughts`: they are told."""

    parser: Callable[[], AnswerParser] = AnswerParser
    one_call: bool = False
    thoughts: bool = True


def reading_of(request: ChatRequest, dialect: Dialect, prompt: str) -> Reading:
    """An output that is constrained has no thoughts: it is what was asked for from its first character on."""

    def make() -> AnswerParser:
        return AnswerParser(_think(request, dialect, prompt), _calls(request, dialect))

    return Reading(make, request.one_call, request.include_reasoning)


def _think(request: ChatRequest, dialect: Dialect, prompt: str) -> ThinkParser | None:
    if request.structured is not None or not dialect.thinks:
        return None
    continued = request.messages[-1].content or "" if request.continue_final_message else ""
    return ThinkParser(opened=opens_thought(prompt) or is_open(continued))


def _calls(request: ChatRequest, dialect: Dialect) -> CallParser | None:
    names = [tool.function.name for tool in request.tools]
    match request.choice.mode:
        case "named":
            return NamedParser(request.choice.name)
        case "required":
            return RequiredParser(names)
        case "auto":
            made = TOOL_PARSERS[dialect.calls]
            return made(names) if made else None
        case "none":
            return None
