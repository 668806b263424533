"""Calls that the request demands: the output is constrained to their JSON, without any marks around it."""

from __future__ import annotations

from doubletime.server.chat.parsing.calls import CallParser
from doubletime.server.chat.parsing.parser import until
from doubletime.server.chat.parsing.source import Steps


class _Forced(CallParser):
    """The whole text is one block; only an output that was cut off is something else."""

    def _read(self) -> Steps[None]:
        yield from self._attempt()
        yield from until(self._source, (), self._content.say)
        self._content.end(with_gap=True)


class NamedParser(_Forced):
    """The text is the arguments of the one tool."""

    def __init__(self, name: str) -> None:
        super().__init__((name,))
        self._name = name

    def _block(self) -> Steps[None]:
        yield from self._arguments(self._name)
        yield from self._source.run()


class RequiredParser(_Forced):
    """The text is {"name": …, "arguments": {…}}, or a list of such objects."""

    def _block(self) -> Steps[None]:
        yield from self._source.run()
        if (yield from self._source.accept("[")):
            yield from self._calls_of_list()
            yield from self._source.accept("]")
        else:
            yield from self._call()
        yield from self._source.run()
