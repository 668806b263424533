"""Sequences that wait for a seat, kept in the policy's order."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any

from doubletime.core.sequence import Sequence

Key = Callable[[Sequence], Any]


class WaitingQueue:
    """Sorted by (key, arrival, id). A key is read when a sequence enters, and again when `rekey` says so."""

    def __init__(self, key: Key) -> None:
        self._key = key
        self._entries: list[tuple[tuple[Any, int, int], Sequence]] = []
        self._place: dict[int, tuple[Any, int, int]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Sequence]:
        return map(itemgetter(1), self._entries)

    def __contains__(self, seq: Sequence) -> bool:
        return seq.id in self._place

    def add(self, seq: Sequence) -> None:
        place = (self._key(seq), *seq.age_key)
        self._place[seq.id] = place
        insort(self._entries, (place, seq), key=itemgetter(0))

    def remove(self, seq: Sequence) -> None:
        at = bisect_left(self._entries, self._place.pop(seq.id), key=itemgetter(0))
        assert self._entries[at][1] is seq
        del self._entries[at]

    def rekey(self, seq: Sequence) -> None:
        """Reads the key of a waiting sequence again; one that does not wait is left alone."""
        if seq in self:
            self.remove(seq)
            self.add(seq)
