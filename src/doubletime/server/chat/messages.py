"""The messages of a chat, checked and turned into what chat templates read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from doubletime.server import fields as f
from doubletime.server.chat.parsing.json_text import Malformed, parse
from doubletime.server.chat.schemas import check_json
from doubletime.server.declare import Declared, nested, optional, read, required, schema_of
from doubletime.server.errors import bad

_ROLES = ("system", "developer", "user", "assistant", "tool")
_FOR = {  # which roles may have a field that not all have
    "tool_calls": ("assistant",),
    "reasoning_content": ("assistant",),
    "reasoning": ("assistant",),
    "tool_call_id": ("tool",),
}


@dataclass(frozen=True, kw_only=True)
class Part(Declared):
    """A piece of the content of a message."""

    type: str = required(f.text, "text")
    text: str = required(f.text, "the words")


def _part(name: str, value: Any) -> str:
    kind = f.Fields(value, name).need("type", f.text)
    if kind != "text":
        raise bad(f"{name}.type", f"{name}.type must be text: this server takes no other content")
    return read(Part, value, name).text


def _content(name: str, value: Any) -> str:
    """A text, or a list of parts that are texts."""
    if isinstance(value, str):
        return f.text(name, value)
    return "\n".join(_part(f"{name}[{at}]", item) for at, item in enumerate(f.items(name, value, f.MAX_ITEMS)))


def _arguments(name: str, value: Any) -> dict[str, Any]:
    """JSON text of an object; templates write it in a way of their own. An empty text is an empty object."""
    try:
        arguments = parse(f.text(name, value) or "{}")
    except Malformed as error:
        raise bad(name, f"{name} is not valid JSON: {error.__cause__}") from error
    if not isinstance(arguments, dict):
        raise bad(name, f"{name} must be the JSON text of an object")
    check_json(name, arguments)
    return arguments


CONTENT = f.Kind(_content, {"anyOf": [{"type": "string"}, {"type": "array", "items": schema_of(Part), "minItems": 1}]})
ARGUMENTS = f.Kind(_arguments, {"type": "string"})
ROLE = f.one_of(*_ROLES)
_FUNCTION = f.one_of("function")


@dataclass(frozen=True, kw_only=True)
class CalledFunction(Declared):
    name: str = required(f.text, "the function that was called")
    arguments: dict[str, Any] = required(ARGUMENTS, "the JSON text of an object")  # noqa: RUF009


@dataclass(frozen=True, kw_only=True)
class ToolCall(Declared):
    id: str = required(f.text, "what a tool message refers to")
    type: str = optional(_FUNCTION, "function", "function")
    function: CalledFunction = required(nested(CalledFunction), "the call")  # noqa: RUF009

    def to_json(self) -> f.Json:
        function = {"name": self.function.name, "arguments": self.function.arguments}
        return {"id": self.id, "type": "function", "function": function}


def _calls(name: str, value: Any) -> tuple[ToolCall, ...]:
    return () if value == [] else f.list_of(nested(ToolCall))(name, value)


CALLS = f.Kind(_calls, {"type": "array", "items": nested(ToolCall).schema})


@dataclass(frozen=True, kw_only=True)
class Message(Declared):
    role: str = required(ROLE, "who speaks")
    content: str | None = optional(CONTENT, None, "a text, or a list of parts; may be left out beside tool_calls")
    name: str | None = optional(f.text, None, "of the speaker, or of the tool; for the template")
    tool_calls: tuple[ToolCall, ...] = optional(CALLS, (), "what an assistant has called")
    tool_call_id: str | None = optional(f.text, None, "the call that a tool answers")
    reasoning_content: str | None = optional(f.text, None, "what an assistant thought; for the template")
    reasoning: str | None = optional(f.text, None, "another name of reasoning_content")


def _message(name: str, value: Any) -> Message:
    message = read(Message, value, name)
    for field, roles in _FOR.items():
        if getattr(message, field) not in (None, ()) and message.role not in roles:
            raise bad(f"{name}.{field}", f"{name}.{field} belongs to messages of the role {roles[0]}")
    if message.content is None and not message.tool_calls:
        raise bad(f"{name}.content", f"{name}.content is required", "missing_required_parameter")
    if message.role == "tool" and message.tool_call_id is None:
        raise bad(f"{name}.tool_call_id", f"{name}.tool_call_id is required", "missing_required_parameter")
    if message.reasoning is not None and message.reasoning_content is not None:
        raise bad(f"{name}.reasoning", f"{name}: send one of reasoning and reasoning_content")
    return message


MESSAGES = f.list_of(f.Kind(_message, schema_of(Message)))


def for_template(messages: Iterable[Message]) -> list[f.Json]:
    """As chat templates read them. A tool message without a name gets that of the function it answers."""
    called = {call.id: call.function.name for message in messages for call in message.tool_calls}
    return [_for_template(message, called.get(message.tool_call_id or "")) for message in messages]


def _for_template(message: Message, called: str | None) -> f.Json:
    """OpenAI calls a system message that comes from the developer so; templates know it as system."""
    made: f.Json = {
        "role": "system" if message.role == "developer" else message.role,
        "content": message.content or "",
        "name": message.name or called,
        "tool_calls": [call.to_json() for call in message.tool_calls],
        "tool_call_id": message.tool_call_id,
        "reasoning_content": message.reasoning_content or message.reasoning,
    }
    return {key: value for key, value in made.items() if key in ("role", "content") or value}
