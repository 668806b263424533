"""The `input` of /v1/responses: a text or a list of items, read as the messages of a chat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from doubletime.server import fields as f
from doubletime.server.chat.messages import ARGUMENTS, CalledFunction, Message, ToolCall
from doubletime.server.declare import Declared, optional, read, required, schema_of
from doubletime.server.errors import bad

_TEXTS = ("input_text", "output_text")
_ROLE = f.one_of("user", "assistant", "system", "developer")
_STATUS = f.one_of("in_progress", "completed", "incomplete")
_ANY_LIST = f.Kind(
    lambda name, value: tuple(f.items(name, value, f.MAX_ITEMS)) if value != [] else (), {"type": "array"}
)


@dataclass(frozen=True, kw_only=True)
class TextPart(Declared):
    """Also as an earlier answer held it."""

    type: str = required(f.one_of(*_TEXTS), "input_text or output_text")
    text: str = required(f.text, "the words")
    annotations: tuple[Any, ...] = optional(_ANY_LIST, (), "of an earlier answer; no effect")
    logprobs: tuple[Any, ...] = optional(_ANY_LIST, (), "of an earlier answer; no effect")


@dataclass(frozen=True, kw_only=True)
class ThoughtPart(Declared):
    type: str = required(f.one_of("reasoning_text"), "reasoning_text")
    text: str = required(f.text, "the words")


def _part(name: str, value: Any) -> str:
    kind = f.Fields(value, name).need("type", f.text)
    if kind not in _TEXTS:
        raise bad(f"{name}.type", f"{name}.type must be input_text or output_text: this server takes no other content")
    return read(TextPart, value, name).text


def _content(name: str, value: Any) -> str:
    if isinstance(value, str):
        return f.text(name, value)
    return "\n".join(_part(f"{name}[{at}]", item) for at, item in enumerate(f.items(name, value, f.MAX_ITEMS)))


def _thoughts(name: str, value: Any) -> str:
    parts = f.items(name, value, f.MAX_ITEMS) if value != [] else []
    return "\n".join(read(ThoughtPart, item, f"{name}[{at}]").text for at, item in enumerate(parts))


def _nothing(name: str, value: Any) -> None:
    if value != []:
        raise bad(name, f"{name} must be empty: this server writes no summaries")


def _list(item: f.Json) -> f.Json:
    return {"type": "array", "items": item}


CONTENT = f.Kind(_content, {"anyOf": [{"type": "string"}, _list(schema_of(TextPart)) | {"minItems": 1}]})
THOUGHTS = f.Kind(_thoughts, _list(schema_of(ThoughtPart)))
NOTHING = f.Kind(_nothing, {"type": "array", "maxItems": 0})


@dataclass(frozen=True, kw_only=True)
class MessageItem(Declared):
    type: str = optional(f.one_of("message"), "message", "message")
    role: str = required(_ROLE, "who speaks")
    content: str = required(CONTENT, "a text, or a list of parts")
    id: str | None = optional(f.text, None, "of an earlier answer; no effect")
    status: str | None = optional(_STATUS, None, "of an earlier answer; no effect")

    def message(self) -> Message:
        return Message(role=self.role, content=self.content)


@dataclass(frozen=True, kw_only=True)
class CallItem(Declared):
    type: str = required(f.one_of("function_call"), "function_call")
    call_id: str = required(f.text, "what its output refers to")
    name: str = required(f.text, "the function that was called")
    arguments: dict[str, Any] = required(ARGUMENTS, "the JSON text of an object")  # noqa: RUF009
    id: str | None = optional(f.text, None, "of an earlier answer; no effect")
    status: str | None = optional(_STATUS, None, "of an earlier answer; no effect")

    def message(self) -> Message:
        call = ToolCall(id=self.call_id, function=CalledFunction(name=self.name, arguments=self.arguments))
        return Message(role="assistant", tool_calls=(call,))


@dataclass(frozen=True, kw_only=True)
class OutputItem(Declared):
    type: str = required(f.one_of("function_call_output"), "function_call_output")
    call_id: str = required(f.text, "the call that it answers")
    output: str = required(CONTENT, "what the function gave")
    id: str | None = optional(f.text, None, "no effect")
    status: str | None = optional(_STATUS, None, "no effect")

    def message(self) -> Message:
        return Message(role="tool", content=self.output, tool_call_id=self.call_id)


@dataclass(frozen=True, kw_only=True)
class ThoughtItem(Declared):
    """What the model thought in an earlier answer."""

    type: str = required(f.one_of("reasoning"), "reasoning")
    content: str = optional(THOUGHTS, "", "the thoughts; for the template")
    summary: None = optional(NOTHING, None, "empty")
    id: str | None = optional(f.text, None, "of an earlier answer; no effect")
    status: str | None = optional(_STATUS, None, "of an earlier answer; no effect")

    def message(self) -> Message:
        return Message(role="assistant", reasoning_content=self.content)


Item = MessageItem | CallItem | OutputItem | ThoughtItem
_KINDS: dict[str, type[Item]] = {
    "message": MessageItem,
    "function_call": CallItem,
    "function_call_output": OutputItem,
    "reasoning": ThoughtItem,
}


def _item(name: str, value: Any) -> Message:
    kind = f.Fields(value, name).take("type", f.text, "message")
    if kind not in _KINDS:
        raise bad(f"{name}.type", f"{name}.type must be {' or '.join(_KINDS)}")
    return read(_KINDS[kind], value, name).message()


def _input(name: str, value: Any) -> tuple[Message, ...]:
    if isinstance(value, str):
        return (Message(role="user", content=f.text(name, value)),)
    items = [_item(f"{name}[{at}]", item) for at, item in enumerate(f.items(name, value, f.MAX_ITEMS))]
    return tuple(_joined(items))


def _joined(messages: list[Message]) -> list[Message]:
    """The items of one answer of the assistant are one message of a chat."""
    found: list[Message] = []
    for message in messages:
        if found and found[-1].role == message.role == "assistant" and not _both(found[-1], message):
            last = found.pop()
            found.append(
                Message(
                    role="assistant",
                    content=message.content if last.content is None else last.content,
                    tool_calls=last.tool_calls + message.tool_calls,
                    reasoning_content=last.reasoning_content or message.reasoning_content,
                )
            )
        else:
            found.append(message)
    return found


def _both(last: Message, message: Message) -> bool:
    """Whether two messages could not be one without losing something: both speak, or both think."""
    speak = last.content is not None and message.content is not None
    think = bool(message.reasoning_content) and (last.content is not None or bool(last.reasoning_content))
    return speak or think or (bool(last.tool_calls) and message.content is not None)


_ITEMS = {"type": "array", "items": {"anyOf": [schema_of(kind) for kind in _KINDS.values()]}, "minItems": 1}
INPUT = f.Kind(_input, {"anyOf": [{"type": "string"}, _ITEMS]})
