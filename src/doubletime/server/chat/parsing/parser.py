"""The frame of every parser: text goes in, deltas come out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from doubletime.server.chat.parsing.deltas import Content, Delta, Thought, merged
from doubletime.server.chat.parsing.source import Source, Steps

NEVER = r"(?!)"  # a pattern that nothing matches


class Parser:
    """`push` every piece, `finish` at the end. What is found depends on the text alone, not on how it was cut."""

    def __init__(self) -> None:
        self._source = Source()
        self._found: list[Delta] = []
        self._steps = self._read()

    def push(self, piece: str) -> list[Delta]:
        """What is certain now and has not been told yet."""
        self._source.text += piece
        return self._go_on()

    def finish(self) -> list[Delta]:
        """The rest."""
        self._source.ended = True
        return self._go_on()

    def _read(self) -> Steps[None]:
        """Reads the source to its end and appends to `_found`."""
        raise NotImplementedError

    def _tell(self) -> None:
        """Appends to `_found` what is known of a part that has not ended yet."""

    def _go_on(self) -> list[Delta]:
        next(self._steps, None)
        self._tell()
        found = merged(self._found)
        self._found.clear()
        return found


class Stretch:
    """Text of one kind; white space at its end is held back until it is known whether more text follows."""

    def __init__(self, kind: Callable[[str], Content | Thought], found: Callable[[Delta], None]) -> None:
        self._kind, self._found = kind, found
        self._gap = ""

    def say(self, text: str) -> None:
        text = self._gap + text
        solid = text.rstrip()
        self._gap = text[len(solid) :]
        if solid:
            self._found(self._kind(solid))

    def end(self, with_gap: bool) -> None:
        """Tells the white space at the end, or drops it."""
        gap, self._gap = self._gap, ""
        if gap and with_gap:
            self._found(self._kind(gap))


def until(source: Source, words: Sequence[str], say: Callable[[str], None]) -> Steps[str]:
    """Says all text before the first of `words`, as it comes, and stays there; answers the word, "" for none."""
    any_word = re.compile("|".join(map(re.escape, words)) or NEVER)
    while True:
        found = any_word.search(source.text, source.at)
        place = found.start() if found else source.certain(words)
        if place > source.at:
            say(source.text[source.at : place])
            source.at = place
        if found or source.ended:
            return found[0] if found else ""
        source.forget()
        yield
