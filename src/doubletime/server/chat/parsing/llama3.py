"""Calls as Llama 3.1 to 3.3 write them: {"name": …, "parameters": {…}}, sometimes after <|python_tag|>."""

from __future__ import annotations

from doubletime.server.chat.parsing.calls import CallParser
from doubletime.server.chat.parsing.source import Steps

TAG = "<|python_tag|>"


class Llama3Parser(CallParser):
    """A call begins a line or follows the tag; several are separated by semicolons or lines."""

    marks = (TAG, "{")
    bare = False

    def _begins(self) -> bool:
        text, at = self._source.text, self._source.at
        if text.startswith(TAG, at):
            return True
        while at and text[at - 1] in " \t":
            at -= 1
        return at == 0 or text[at - 1] == "\n"

    def _block(self) -> Steps[None]:
        yield from self._source.accept(TAG)
        yield from self._call()
        while (yield from self._another()):
            yield from self._call()

    def _another(self) -> Steps[bool]:
        """Passes over white space and, where a call follows, the semicolon before it."""
        yield from self._source.run()
        self._start = self._source.at
        if (yield from self._source.accept(";")):
            yield from self._source.run()
        if (yield from self._source.peek()) == "{":
            return True
        self._source.at = self._start
        return False
