"""Which replicas there are, what each is for, and since when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from doubletime.cluster.replica import Owner, Replica, Role
from doubletime.cluster.timeline import Timeline
from doubletime.core.vocabulary import Nanoseconds


class Status(Enum):
    LOADING = "loading"  # it has its devices, and no model yet
    SERVING = "serving"
    DRAINING = "draining"  # it ends what it has, and gets nothing new
    GONE = "gone"


class Plant(Protocol):
    """Who makes engines."""

    def replica(self, index: int, role: Role, owner: Owner) -> Replica:
        """A fresh engine at this place in the fleet."""
        ...


@dataclass(slots=True)
class Member:
    """One stay of a replica in the fleet: `began` to `ended` (None: to the end) its devices were in use."""

    index: int
    role: Role
    began: Nanoseconds
    status: Status = Status.LOADING
    replica: Replica | None = None
    ended: Nanoseconds | None = None


class Crew:
    """Starts replicas, drains and loses them. `history` has every stay, also those that are over."""

    def __init__(self, plant: Plant, line: Timeline, owner: Owner) -> None:
        self.history: list[Member] = []
        self.by_role: dict[Role, list[Replica]] = {role: [] for role in Role}  # those that serve, by index
        self.joined: Callable[[], object] = lambda: None  # is called when one begins to serve
        self._plant = plant
        self._line = line
        self._owner = owner
        self._now: dict[int, Member] = {}  # those that are not gone, by index

    def start(self, role: Role, load: Nanoseconds = 0, index: int | None = None) -> None:
        """One more replica, which serves when it has loaded; at the first place that is free, if none is given."""
        if index is None:
            index = next(at for at in range(len(self._now) + 1) if at not in self._now)
        if index in self._now:
            return
        member = self._now[index] = Member(index, role, self._line.now)
        self.history.append(member)
        if load:
            self._line.at(self._line.now + load, lambda: self._serve(member))
        else:
            self._serve(member)

    def _serve(self, member: Member) -> None:
        if member.status is not Status.LOADING:
            return  # it was lost while it loaded
        member.replica = self._plant.replica(member.index, member.role, self._owner)
        member.status = Status.SERVING
        self._line.join(member.replica)
        self._sort()
        self.joined()

    def lose(self, index: int) -> Member | None:
        """The replica at this place stops at once; None if there was none."""
        member = self._now.get(index)
        if member is not None:
            if member.replica is not None:
                self._line.catch_up(member.replica)
            self._leave(member)
        return member

    def drain(self) -> None:
        """The last replica gets nothing new, and leaves when it has ended what it has."""
        members = [member for member in self._now.values() if member.status in (Status.SERVING, Status.LOADING)]
        member = max(members, key=lambda member: (member.status is Status.LOADING, member.index))
        if member.status is Status.LOADING:
            self._leave(member)
            return
        member.status = Status.DRAINING
        self._sort()
        self.released(member)

    def undrain(self) -> bool:
        """A replica that was to leave stays; False if there is none."""
        for member in self._now.values():
            if member.status is Status.DRAINING:
                member.status = Status.SERVING
                self._sort()
                self.joined()
                return True
        return False

    def released(self, member: Member) -> None:
        """A request has left a replica: it may go when it is draining and that was the last."""
        if member.status is Status.DRAINING and member.replica is not None and not member.replica.outstanding:
            self._leave(member)

    def member(self, replica: Replica) -> Member:
        """The stay of a replica that is in the fleet."""
        return self._now[replica.index]

    @property
    def draining(self) -> bool:
        return any(member.status is Status.DRAINING for member in self._now.values())

    @property
    def active(self) -> int:
        """Replicas that serve or will."""
        return sum(member.status in (Status.SERVING, Status.LOADING) for member in self._now.values())

    def _leave(self, member: Member) -> None:
        member.status, member.ended = Status.GONE, self._line.now
        del self._now[member.index]
        if member.replica is not None:
            self._line.leave(member.replica)
        self._sort()

    def _sort(self) -> None:
        for replicas in self.by_role.values():
            replicas.clear()
        for index in sorted(self._now):
            member = self._now[index]
            if member.status is Status.SERVING and member.replica is not None:
                self.by_role[member.role].append(member.replica)
