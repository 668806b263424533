"""The output items of a response as they grow, and the events that tell of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from doubletime.server.chat.message import new_call_id
from doubletime.server.chat.parsing.deltas import Arguments, Broken, Call, Content, Delta, Thought
from doubletime.server.fields import Json

Kind = Literal["message", "reasoning", "function_call"]
_PREFIX: dict[Kind, str] = {"message": "msg", "reasoning": "rs", "function_call": "fc"}
_PART: dict[Kind, str] = {"message": "output_text", "reasoning": "reasoning_text", "function_call": ""}


@dataclass
class Item:
    """One output item. `text`: the words, the thoughts, or the arguments of a call."""

    kind: Kind
    index: int
    number: int = 0  # of a call, among the calls
    name: str = ""
    text: str = ""
    logprobs: list[Json] = field(default_factory=list)
    status: str = "in_progress"
    id: str = field(init=False)
    call_id: str = field(default_factory=new_call_id)

    def __post_init__(self) -> None:
        self.id = f"{_PREFIX[self.kind]}_{uuid.uuid4().hex}"

    def to_json(self) -> Json:
        about: Json = {"id": self.id, "type": self.kind, "status": self.status}
        if self.kind == "function_call":
            return about | {"call_id": self.call_id, "name": self.name, "arguments": self.text}
        parts = [self.part()] if self.status != "in_progress" else []
        if self.kind == "reasoning":
            return about | {"summary": [], "content": parts}
        return about | {"role": "assistant", "content": parts}

    def part(self) -> Json:
        """The only content part of words or thoughts."""
        more = {"annotations": [], "logprobs": self.logprobs} if self.kind == "message" else {}
        return {"type": _PART[self.kind], "text": self.text} | more

    def event(self, kind: str, **content: object) -> Json:
        """An event about this item; of a part of it, if there are parts."""
        part = {} if self.kind == "function_call" else {"content_index": 0}
        return {"type": f"response.{kind}", "item_id": self.id, "output_index": self.index} | part | content


class Output:
    """Takes the deltas of an answer, in order. `one_call`: calls after the first are left out."""

    def __init__(self, one_call: bool) -> None:
        self.items: list[Item] = []
        self._one_call = one_call

    @property
    def _last(self) -> Item | None:
        """The item that grows."""
        return self.items[-1] if self.items and self.items[-1].status == "in_progress" else None

    @property
    def thinks(self) -> bool:
        return self._last is not None and self._last.kind == "reasoning"

    def take(self, delta: Delta, logprobs: list[Json]) -> Iterable[Json]:
        """logprobs: of the tokens that a text for the user comes with."""
        match delta:
            case Content(text):
                yield from self._grow("message", text, logprobs)
            case Thought(text):
                yield from self._grow("reasoning", text, [])
            case Call(number, name):
                if number == 0 or not self._one_call:
                    yield from self._open("function_call", number, name)
            case Arguments(number, text):
                if self._is_open(number):
                    yield from self._grow("function_call", text, [])
            case Broken(number):
                if self._is_open(number):
                    yield from self.close("incomplete")

    def close(self, status: str) -> Iterable[Json]:
        """The item that grows is over."""
        item = self._last
        if item is None:
            return
        item.status = status
        if item.kind == "function_call":
            yield item.event("function_call_arguments.done", arguments=item.text, name=item.name)
        else:
            more = {"logprobs": item.logprobs} if item.kind == "message" else {}
            yield item.event(f"{_PART[item.kind]}.done", text=item.text, **more)
            yield item.event("content_part.done", part=item.part())
        yield {"type": "response.output_item.done", "output_index": item.index, "item": item.to_json()}

    def _is_open(self, number: int) -> bool:
        item = self._last
        return item is not None and item.kind == "function_call" and item.number == number

    def _open(self, kind: Kind, number: int = 0, name: str = "") -> Iterable[Json]:
        yield from self.close("completed")
        item = Item(kind, len(self.items), number, name)
        self.items.append(item)
        yield {"type": "response.output_item.added", "output_index": item.index, "item": item.to_json()}
        if kind != "function_call":
            yield item.event("content_part.added", part=item.part())

    def _grow(self, kind: Kind, text: str, logprobs: list[Json]) -> Iterable[Json]:
        if self._last is None or self._last.kind != kind:
            yield from self._open(kind)
        item = self.items[-1]
        item.text += text
        item.logprobs += logprobs
        name = "function_call_arguments" if kind == "function_call" else _PART[kind]
        more = {"logprobs": logprobs} if kind == "message" else {}
        yield item.event(f"{name}.delta", delta=text, **more)
