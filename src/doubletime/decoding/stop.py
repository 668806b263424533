"""Stop strings in a stream of text, wherever the pieces are cut."""

from __future__ import annotations

from collections.abc import Sequence


class StopMatcher:
    """Passes text on until a stop string is complete; what may still become one is held back.

    The first stop string to be complete wins; of several that end at the same character, the longest.
    So the result depends on the text alone, not on how it arrives in pieces. It excludes the stop string, unless
    `included`.
    """

    def __init__(self, stops: Sequence[str] = (), included: bool = False) -> None:
        if "" in stops:
            raise ValueError("a stop string must not be empty")
        self._stops = tuple(sorted(set(stops), key=lambda stop: (-len(stop), stop)))
        self._prefixes = {stop[:length] for stop in self._stops for length in range(len(stop) + 1)}
        self._included = included
        self._held = ""  # the longest end of the text that begins some stop string
        self.matched: str | None = None

    def push(self, text: str, armed: bool = True) -> str:
        """Takes more text; returns what is certainly before any stop string. After a match everything is dropped.

        Not `armed`: a stop string that this text completes is text like any other.
        """
        if not self._stops:
            return text
        passed: list[str] = []
        for char in text:
            if self.matched is not None:
                break
            passed.append(self._step(char, armed))
        return "".join(passed)

    def flush(self) -> str:
        """The end of the text: returns what was held back."""
        held, self._held = self._held, ""
        return held

    def _step(self, char: str, armed: bool) -> str:
        held = self._held + char
        cut = 0
        while held[cut:] not in self._prefixes:
            cut += 1
        passed, self._held = held[:cut], held[cut:]
        for stop in self._stops if armed else ():
            if self._held.endswith(stop):
                return passed + self._match(stop)
        return passed

    def _match(self, stop: str) -> str:
        before, self._held = self._held[: len(self._held) if self._included else -len(stop)], ""
        self.matched = stop
        return before
