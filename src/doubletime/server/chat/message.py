"""The message of an answer as JSON, whole or in deltas."""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterable

from doubletime.server.chat.parsing.deltas import Arguments, Broken, Call, Content, Delta, Thought
from doubletime.server.chat.reading import Reading
from doubletime.server.fields import Json

_ID = string.ascii_letters + string.digits


def new_call_id() -> str:
    """Nine letters and digits: the templates of Mistral's models take no other ids, and no client minds."""
    return "".join(secrets.choice(_ID) for _ in range(9))


class WholeMessage:
    """An answer that is complete. A call whose arguments are no JSON is content."""

    def __init__(self, reading: Reading, text: str) -> None:
        self._content = ""
        self._thoughts = ""
        self._names: dict[int, str] = {}
        self._arguments: dict[int, str] = {}
        parser = reading.parser()
        for delta in parser.push(text) + parser.finish():
            self._add(delta)
        self._calls = sorted(self._names)[: 1 if reading.one_call else None]
        self._tells = reading.thoughts

    @property
    def called(self) -> bool:
        return bool(self._calls)

    def to_json(self) -> Json:
        message: Json = {"role": "assistant", "content": self._content}
        if not self._content and (self._thoughts or self._calls):
            message["content"] = None
        if self._thoughts and self._tells:
            message["reasoning_content"] = self._thoughts
        if self._calls:
            message["tool_calls"] = [self._call(number) for number in self._calls]
        return message

    def _add(self, delta: Delta) -> None:
        match delta:
            case Content(text):
                self._content += text
            case Thought(text):
                self._thoughts += text
            case Call(number, name):
                self._names[number], self._arguments[number] = name, ""
            case Arguments(number, text):
                self._arguments[number] += text
            case Broken(number, source):
                del self._names[number]
                self._content += source

    def _call(self, number: int) -> Json:
        return _call_json(self._names[number], self._arguments[number])


class StreamedMessage:
    """An answer that is coming. What has been told of a call stands, whatever follows."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._parser = reading.parser()
        self._calls = 0
        self._broken = 0

    @property
    def called(self) -> bool:
        """Whether there is a call that can be run."""
        return self._calls > self._broken

    def push(self, text: str, last: bool) -> list[Json]:
        """The deltas that more of the text gives."""
        found = self._parser.push(text) + (self._parser.finish() if last else [])
        return [told for delta in found for told in self._tell(delta)]

    def _tell(self, delta: Delta) -> Iterable[Json]:
        match delta:
            case Content(text):
                yield {"content": text}
            case Thought(text):
                if self._reading.thoughts:
                    yield {"reasoning_content": text}
            case Call(number, name):
                if self._tells(number):
                    self._calls += 1
                    yield {"tool_calls": [{"index": number, **_call_json(name, "")}]}
            case Arguments(number, text):
                if self._tells(number):
                    yield {"tool_calls": [{"index": number, "function": {"arguments": text}}]}
            case Broken(number):
                self._broken += self._tells(number)

    def _tells(self, number: int) -> bool:
        return number == 0 or not self._reading.one_call


def _call_json(name: str, arguments: str) -> Json:
    return {"id": new_call_id(), "type": "function", "function": {"name": name, "arguments": arguments}}
