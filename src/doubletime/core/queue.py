"""Sequences that wait for a seat, kept in the policy's order."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any

from doubletime.core.sequence import Sequence

Key = Callable[[Sequence], Any]


class WaitingQueue:
    """Sorted by (key, arrival, id). A key is read when a sequence enters, and again when `rekey` says so.

    A key that raises, or that does not compare with the others, is told to `fault`, and arrival order holds from then.
    """

    def __init__(self, key: Key, fault: Callable[[Exception], None]) -> None:
        self._key = key
        self._fault = fault
        self._entries: list[tuple[tuple[Any, int, int], Sequence]] = []
        self._place: dict[int, tuple[Any, int, int]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Sequence]:
        return map(itemgetter(1), self._entries)

    def __contains__(self, seq: Sequence) -> bool:
        return seq.id in self._place

    def add(self, seq: Sequence) -> None:
        try:
            self._insert(seq)
        except Exception as error:  # the key is a policy's
            self._fault(error)
            self._by_arrival(seq)

    def remove(self, seq: Sequence) -> None:
        at = bisect_left(self._entries, self._place.pop(seq.id), key=itemgetter(0))
        if at == len(self._entries) or self._entries[at][1] is not seq:
            at = [entry[1] for entry in self._entries].index(seq)  # a policy's keys may compare badly (NaN)
        del self._entries[at]

    def _insert(self, seq: Sequence) -> None:
        place = (self._key(seq), *seq.age_key)
        insort(self._entries, (place, seq), key=itemgetter(0))
        self._place[seq.id] = place

    def _by_arrival(self, newcomer: Sequence) -> None:
        waiting = [*self, newcomer]
        self._key = _same_for_all
        self._entries.clear()
        for seq in waiting:
            self._insert(seq)

    def rekey(self, seq: Sequence) -> None:
        """Reads the key of a waiting sequence again; one that does not wait is left alone."""
        if seq in self:
            self.remove(seq)
            self.add(seq)


def _same_for_all(seq: Sequence) -> int:
    return 0
