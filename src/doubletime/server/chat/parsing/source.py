"""Text that is still coming, read by generators that stop where they need more of it."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from typing import TypeVar

KEPT = 4096  # characters of what has been read, to look back at

T = TypeVar("T")
Steps = Generator[None, None, T]  # yields whenever the text so far does not tell how to go on

SPACE = re.compile(r"\s*")


class Source:
    """The text so far; `at` is the place that has been read up to. A reader may set it back."""

    def __init__(self) -> None:
        self.text = ""
        self.at = 0
        self.ended = False

    def forget(self) -> None:
        """Drops text that nobody will go back to, so that more of it does not cost more and more."""
        if self.at > 2 * KEPT:
            self.text = self.text[self.at - KEPT :]
            self.at = KEPT

    def peek(self, count: int = 1) -> Steps[str]:
        """The next `count` characters; fewer only at the end of the text."""
        while len(self.text) - self.at < count and not self.ended:
            yield
        return self.text[self.at : self.at + count]

    def run(self, pattern: re.Pattern[str] = SPACE) -> Steps[None]:
        """Passes over all that matches; afterwards the next character is there, unless the text has ended."""
        while True:
            found = pattern.match(self.text, self.at)
            self.at = found.end() if found else self.at
            if self.at < len(self.text) or self.ended:
                return
            yield

    def accept(self, word: str) -> Steps[bool]:
        """Takes `word` if it comes next; decides as soon as the text does."""
        while True:
            have = self.text[self.at : self.at + len(word)]
            if have == word:
                self.at += len(word)
                return True
            if self.ended or not word.startswith(have):
                return False
            yield

    def certain(self, words: Sequence[str]) -> int:
        """How far the text holds no beginning of one of `words` that more text may complete."""
        if self.ended:
            return len(self.text)
        longest = max(map(len, words), default=0)
        for start in range(max(self.at, len(self.text) - longest + 1), len(self.text)):
            if any(word.startswith(self.text[start:]) for word in words):
                return start
        return len(self.text)
