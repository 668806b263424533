"""A whole answer: first its thoughts, then what is left of the text to the parser of calls."""

from __future__ import annotations

from collections.abc import Iterable

from doubletime.server.chat.parsing.calls import CallParser
from doubletime.server.chat.parsing.deltas import Content, Delta, merged
from doubletime.server.chat.parsing.think import ThinkParser


class AnswerParser:
    """`push` every piece, `finish` at the end. Without parsers all text is content."""

    def __init__(self, think: ThinkParser | None = None, calls: CallParser | None = None) -> None:
        self._think, self._calls = think, calls

    def push(self, piece: str) -> list[Delta]:
        """What is certain now and has not been told yet."""
        return self._through(self._think.push(piece) if self._think else [Content(piece)] if piece else [])

    def finish(self) -> list[Delta]:
        """The rest."""
        thoughts = self._through(self._think.finish()) if self._think else []
        return merged(thoughts + (self._calls.finish() if self._calls else []))

    def _through(self, deltas: Iterable[Delta]) -> list[Delta]:
        if self._calls is None:
            return list(deltas)
        found: list[Delta] = []
        for delta in deltas:
            found += self._calls.push(delta.text) if isinstance(delta, Content) else [delta]
        return merged(found)
