"""Every live request, and the last ones that have ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence as Indexed
from dataclasses import dataclass, field

from doubletime.core.events import Request
from doubletime.core.sequence import Sequence
from doubletime.core.vocabulary import Nanoseconds
from doubletime.engine.monitor.messages import RequestRow, SeqName

KEPT = 200


@dataclass(slots=True)
class Track:
    """What the core does not keep of a live request. `waited` is of the choice that waited longest and has ended."""

    request: Request
    name: str
    arrived: Nanoseconds
    cached: int | None = None
    ended: list[Sequence] = field(default_factory=list)
    waited: Indexed[Nanoseconds] = ()

    @property
    def seqs(self) -> range:
        return range(self.request.id, self.request.id + self.request.n)

    def take_waited(self, waited: Indexed[Nanoseconds]) -> None:
        if sum(waited) >= sum(self.waited):
            self.waited = waited


class Tracks:
    """`names` knows the sequences of all live requests and of the last KEPT that have ended, and no others."""

    def __init__(self) -> None:
        self.live: dict[int, Track] = {}
        self.past: deque[RequestRow] = deque()
        self.names: dict[int, SeqName] = {}
        self._seqs_of_past: deque[range] = deque()

    def open(self, request: Request, name: str, arrived: Nanoseconds) -> Track:
        track = self.live[request.id] = Track(request, name, arrived)
        for choice, seq in enumerate(track.seqs):
            self.names[seq] = SeqName(name, choice)
        return track

    def close(self, track: Track, row: RequestRow) -> None:
        """It has ended; the longest ended one is forgotten for it."""
        del self.live[track.request.id]
        self.past.append(row)
        self._seqs_of_past.append(track.seqs)
        if len(self.past) > KEPT:
            self.past.popleft()
            self._forget_names(self._seqs_of_past.popleft())

    def drop(self, request: int) -> Track:
        """It was refused, and leaves nothing behind."""
        track = self.live.pop(request)
        self._forget_names(track.seqs)
        return track

    def _forget_names(self, seqs: range) -> None:
        for seq in seqs:
            del self.names[seq]
