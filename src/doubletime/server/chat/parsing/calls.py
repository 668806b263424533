"""What the formats of calls share: content around them, objects with a name and arguments, and text that is no call."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from doubletime.server.chat.parsing.deltas import Arguments, Broken, Call, Content
from doubletime.server.chat.parsing.json_text import Malformed, expect, read_object, read_string
from doubletime.server.chat.parsing.parser import Parser, Stretch, until
from doubletime.server.chat.parsing.source import Steps

_ARGUMENTS = ("arguments", "parameters")
_BESIDE = ("id", "type")  # strings that some models write too; ids are given by the server


@dataclass(slots=True)
class _Head:
    """What has been read of a call that has not begun for certain."""

    name: str = ""
    arguments: str = ""


class CallParser(Parser):
    """Finds Content, Call, Arguments and Broken. White space around calls is dropped, all other text is kept.

    A call begins for certain with the name of a known tool and the opening brace of its arguments, which are told from
    then on as they come; until then its text may turn out to be content. Arguments that are no JSON end in Broken;
    once they are complete the call stands, and what is odd about the text behind them is content.
    """

    marks: tuple[str, ...] = ()  # where a call may begin
    bare = True  # whether a name without arguments is a call

    def __init__(self, tools: Collection[str]) -> None:
        super().__init__()
        self._tools = tools
        self._content = Stretch(Content, self._found.append)
        self._calls = 0  # that have begun
        self._start = 0  # of the text that becomes a call or is content
        self._telling: int | None = None  # the arguments that come are told up to here

    def _block(self) -> Steps[None]:
        """One or more calls at a mark; raises Malformed. Sets `_start` wherever a call may begin."""
        raise NotImplementedError

    def _begins(self) -> bool:
        """Whether the mark that comes next is where it can begin a call."""
        return True

    def _read(self) -> Steps[None]:
        while (yield from until(self._source, self.marks, self._content.say)):
            if self._begins():
                yield from self._attempt()
            else:
                self._pass_over()
        self._content.end(with_gap=True)

    def _attempt(self) -> Steps[None]:
        self._start = self._source.at
        try:
            yield from self._block()
        except Malformed:
            if self._telling is not None:
                self._break_off()
            else:
                self._source.at = self._start
                self._pass_over()

    def _pass_over(self) -> None:
        """The next character is content."""
        at = self._source.at
        self._content.say(self._source.text[at : at + 1])
        self._source.at += 1

    def _break_off(self) -> None:
        self._tell()
        self._telling = None
        self._found.append(Broken(self._calls - 1, self._source.text[self._start : self._source.at]))

    def _tell(self) -> None:
        at = self._source.at
        if self._telling is not None and at > self._telling:
            self._found.append(Arguments(self._calls - 1, self._source.text[self._telling : at]))
            self._telling = at

    def _begin(self, name: str) -> None:
        self._content.end(with_gap=False)
        self._found.append(Call(self._calls, name))
        self._calls += 1

    def _known(self, name: str) -> str:
        if name not in self._tools:
            raise Malformed
        return name

    def _arguments(self, name: str) -> Steps[None]:
        """The arguments of a call whose name is known, told as they come."""
        yield from self._source.run()
        if (yield from self._source.peek()) != "{":
            raise Malformed
        self._begin(name)
        self._telling = self._source.at
        yield from read_object(self._source)
        self._tell()
        self._telling = None

    def _call(self) -> Steps[None]:
        """{"name": …, "arguments": {…}}, in any order. Once the arguments have been told, it may end oddly."""
        yield from expect(self._source, "{")
        head, begun = _Head(), self._calls
        yield from self._member(head)
        while self._calls == begun and (yield from self._more()):
            yield from self._member(head)
        if self._calls == begun:
            yield from expect(self._source, "}")
            self._late(head)
        else:
            yield from self._close()

    def _calls_of_list(self) -> Steps[None]:
        """The objects of a list whose opening bracket has been read, up to its closing one."""
        yield from self._call()
        while True:
            self._start = self._source.at
            if not (yield from self._more()):
                return
            yield from self._call()

    def _more(self) -> Steps[bool]:
        yield from self._source.run()
        return (yield from self._source.accept(","))

    def _member(self, head: _Head) -> Steps[None]:
        key = yield from read_string(self._source)
        yield from expect(self._source, ":")
        if key == "name" and not head.name:
            head.name = self._known((yield from read_string(self._source)))
        elif key in _BESIDE:
            yield from read_string(self._source)
        elif key not in _ARGUMENTS or head.arguments:
            raise Malformed
        elif head.name:
            yield from self._arguments(head.name)
        else:
            head.arguments = yield from read_object(self._source)

    def _late(self, head: _Head) -> None:
        """A call that is known only now that all of it has been read."""
        if not head.name or not (head.arguments or self.bare):
            raise Malformed
        self._begin(head.name)
        self._found.append(Arguments(self._calls - 1, head.arguments or "{}"))

    def _close(self) -> Steps[None]:
        """What may follow the arguments; whatever else follows stays where it is."""
        back = self._source.at
        try:
            while (yield from self._more()):
                if (yield from read_string(self._source)) not in _BESIDE:
                    raise Malformed
                yield from expect(self._source, ":")
                yield from read_string(self._source)
            yield from expect(self._source, "}")
        except Malformed:
            self._source.at = back
