"""One order of everything that happens anywhere in a fleet."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from doubletime.cluster.replica import Replica
from doubletime.core.vocabulary import Nanoseconds

_Bound = tuple[Nanoseconds, bool]  # a replica's next time, and whether it is exact; else it is then or later


class Timeline:
    """Actions of the fleet come before what replicas do at the same time, and replicas in the order of their index."""

    def __init__(self) -> None:
        self.now: Nanoseconds = 0
        self._replicas: dict[int, Replica] = {}
        self._bounds: dict[int, _Bound] = {}
        self._heap: list[tuple[Nanoseconds, int]] = []  # bounds by replica; may hold outdated ones
        self._actions: list[tuple[Nanoseconds, int, Callable[[], object]]] = []
        self._count = 0
        self._turning: int | None = None  # the replica whose turn it is

    # ---- who takes part

    def join(self, replica: Replica) -> None:
        self._replicas[replica.index] = replica
        self._bounds.pop(replica.index, None)
        replica.changed = True

    def leave(self, replica: Replica) -> None:
        """It does nothing any more."""
        if self._replicas.get(replica.index) is replica:
            del self._replicas[replica.index]
            self._bounds.pop(replica.index, None)

    def at(self, time: Nanoseconds, action: Callable[[], object]) -> None:
        """Something that the fleet does, now or later; at the same time in the order in which it was asked for."""
        heapq.heappush(self._actions, (time, self._count, action))
        self._count += 1

    def catch_up(self, replica: Replica) -> None:
        """Makes a replica's state that of this moment, before it is read or changed.

        Who has its turn before the one whose turn it is has already done what it does at this very time.
        """
        before = self._turning is not None and replica.index < self._turning
        replica.catch_up(self.now + before)

    # ---- what happens next

    @property
    def due(self) -> Nanoseconds | None:
        """When the fleet acts next."""
        return self._actions[0][0] if self._actions else None

    def act(self) -> None:
        """Does the action that is due first."""
        time, _, action = heapq.heappop(self._actions)
        self.now = max(self.now, time)
        action()

    def turn_before(self, limit: Nanoseconds | None) -> bool:
        """The replica that does something first takes its turn, if that is before `limit`; False if none does."""
        replica = self._first(limit)
        if replica is None:
            return False
        self.now = max(self.now, self._bounds[replica.index][0])
        self._turning = replica.index
        replica.advance(self.now)
        self._turning = None
        return True

    def _first(self, limit: Nanoseconds | None) -> Replica | None:
        for replica in self._replicas.values():
            if replica.changed:
                self._ask(replica, limit)
        heap, bounds = self._heap, self._bounds
        while heap and (limit is None or heap[0][0] < limit):
            time, index = heap[0]
            bound = bounds.get(index)
            if bound is None or bound[0] != time:
                heapq.heappop(heap)
            elif bound[1]:
                return self._replicas[index]
            else:
                self._ask(self._replicas[index], limit)
        return None

    def _ask(self, replica: Replica, limit: Nanoseconds | None) -> None:
        """When it next does something, exactly if that is before `limit`."""
        replica.changed = False
        time = replica.next_time(limit)
        if time is None:
            self._bounds.pop(replica.index, None)
            return
        before = self._bounds.get(replica.index)
        self._bounds[replica.index] = (time, limit is None or time < limit)
        if before is None or before[0] != time:
            heapq.heappush(self._heap, (time, replica.index))
