"""From prefill to decode: KV waits where it was computed until a decode replica has room, then goes over the wire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from doubletime.cluster.course import Course
from doubletime.cluster.replica import Replica
from doubletime.cluster.timeline import Timeline
from doubletime.cluster.wire import Wire
from doubletime.core.memory import live_blocks


@dataclass(eq=False, slots=True)
class _Transfer:
    course: Course
    source: Replica
    target: Replica
    tokens: int


class Handoff:
    """DistServe's pull: the decode side asks for KV when it has the memory, and for no more than it has not cached.

    What waits is in the memory of the prefill side: a prefill replica with `most` bytes of KV or more that wait or are
    on their way gets no new requests. `decoders`: those that serve now; `send`: puts a course on one of them, with so
    many tokens of its KV; `relieved`: is called when KV has left.
    """

    def __init__(
        self,
        line: Timeline,
        wire: Wire,
        most: int,
        decoders: Callable[[], list[Replica]],
        send: Callable[[Course, Replica, int], object],
        relieved: Callable[[], object],
    ) -> None:
        self._line = line
        self._wire = wire
        self._most = most
        self._decoders = decoders
        self._send = send
        self._relieved = relieved
        self._queue: list[tuple[Course, Replica]] = []  # first come, first served
        self._transfers: list[_Transfer] = []

    def open(self, replica: Replica) -> bool:
        """Whether a prefill replica takes new requests."""
        return self._held(replica) < self._most

    @property
    def count(self) -> int:
        """Requests between two replicas."""
        return len(self._queue) + len(self._transfers)

    def take(self, course: Course) -> None:
        """The prefill of a course is done."""
        self._queue.append((course, course.leg.replica))
        self.pump()

    def pump(self) -> None:
        """Starts transfers, in order, while there is room for them."""
        while self._queue:
            course, source = self._queue[0]
            target = self._with_room(course)
            if target is None:
                return
            self._queue.pop(0)
            transfer = _Transfer(course, source, target, course.tokens - 1)
            self._transfers.append(transfer)
            missing = transfer.tokens - target.match(course.request)
            over = self._wire.send(source.index, target.index, missing, self._line.now)
            self._line.at(over, lambda transfer=transfer: self._arrived(transfer))  # type: ignore[misc]

    def lost(self, replica: Replica) -> list[Course]:
        """A replica has failed. Returns the courses whose KV was there; what was on its way to it is sent again."""
        gone = [course for course, source in self._queue if source is replica]
        self._queue = [(course, source) for course, source in self._queue if source is not replica]
        again = []
        for transfer in list(self._transfers):
            if transfer.source is replica:
                gone.append(transfer.course)
                self._transfers.remove(transfer)
            elif transfer.target is replica:
                again.append((transfer.course, transfer.source))
                self._transfers.remove(transfer)
        self._queue = again + self._queue
        for course in gone:
            course.lost = course.tokens - 1
        return gone

    def give_up(self) -> list[Course]:
        """Nothing will happen any more: those that no decode replica has taken."""
        gone, self._queue = [course for course, _ in self._queue], []
        return gone

    def _arrived(self, transfer: _Transfer) -> None:
        if transfer not in self._transfers:
            return  # an end of it has failed meanwhile
        self._transfers.remove(transfer)
        self._send(transfer.course, transfer.target, transfer.tokens)
        self._relieved()

    def _held(self, replica: Replica) -> int:
        """Bytes of KV that a prefill replica keeps for others."""
        waiting = sum(self._wire.size(course.tokens - 1) for course, source in self._queue if source is replica)
        return waiting + sum(self._wire.size(each.tokens) for each in self._transfers if each.source is replica)

    def _with_room(self, course: Course) -> Replica | None:
        """The decode replica that can take a course at once, of several the one with the fewest requests."""
        fit = []
        for replica in self._decoders():
            self._line.catch_up(replica)
            coming = [each.tokens + 1 for each in self._transfers if each.target is replica]
            if _has_room(replica, course, coming):
                fit.append((replica.outstanding + len(coming), replica.index, replica))
        return min(fit)[2] if fit else None


def _has_room(replica: Replica, course: Course, coming: list[int]) -> bool:
    """Whether its memory is enough for that, for what is on its way, and for those that wait for a seat there.

    What can never fit is let through: the engine refuses it, with the reason.
    """
    memory = replica.scheduler.memory
    if memory.cannot_fit(course.tokens, course.left):
        return True
    sizes = [course.tokens, *coming, *(seq.known for seq in replica.scheduler.roster.waiting)]
    return all(
        sum(live_blocks(group, size) for size in sizes) <= pool.available + returning
        for group, pool, returning in zip(memory.groups, memory.pools, memory.limbo, strict=True)
    )
