"""Calls as Mistral's models write them: [TOOL_CALLS] and a list, or name[ARGS]{…} for each since 2025."""

from __future__ import annotations

import re

from doubletime.server.chat.parsing.calls import CallParser
from doubletime.server.chat.parsing.source import Steps

MARK = "[TOOL_CALLS]"
_NAME = re.compile(r"[\w.-]*")
_ID = re.compile(r"\w*")


class MistralParser(CallParser):
    """The list has objects with a name and arguments; the newer form may have [CALL_ID] and an id before [ARGS]."""

    marks = (MARK,)

    def _block(self) -> Steps[None]:
        yield from self._source.accept(MARK)
        yield from self._source.run()
        if (yield from self._source.accept("[")):
            yield from self._calls_of_list()
            yield from self._source.accept("]")
        else:
            yield from self._named()
        yield from self._source.run()

    def _named(self) -> Steps[None]:
        start = self._source.at
        yield from self._source.run(_NAME)
        name = self._known(self._source.text[start : self._source.at])
        if (yield from self._source.accept("[CALL_ID]")):
            yield from self._source.run(_ID)
        yield from self._source.accept("[ARGS]")
        yield from self._arguments(name)
