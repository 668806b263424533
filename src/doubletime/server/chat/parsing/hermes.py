"""Calls as Hermes 2 Pro and Qwen 2.5 and 3 write them: <tool_call>{"name": …, "arguments": {…}}</tool_call>."""

from __future__ import annotations

from doubletime.server.chat.parsing.calls import CallParser
from doubletime.server.chat.parsing.source import Steps

OPENING, CLOSING = "<tool_call>", "</tool_call>"


class HermesParser(CallParser):
    """The closing tag may be missing, as when the model ends its answer instead."""

    marks = (OPENING,)

    def _block(self) -> Steps[None]:
        yield from self._source.accept(OPENING)
        yield from self._call()
        yield from self._source.run()
        yield from self._source.accept(CLOSING)
        yield from self._source.run()
