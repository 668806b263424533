"""One engine among several in virtual time: it tells when it next does something, and leaps where nothing changes."""

from __future__ import annotations

from collections.abc import Sequence as Row
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from doubletime.cluster.meter import Meter
from doubletime.cluster.prefix import cached_prefix
from doubletime.core.events import Arrive, Event, Request, Result
from doubletime.core.flight import Flight
from doubletime.core.loop import Engine, Recorder
from doubletime.core.plan import Plan
from doubletime.core.policy import Policy
from doubletime.core.scheduler import Scheduler
from doubletime.core.sequence import NEVER, Sequence
from doubletime.core.virtual import VirtualSource
from doubletime.core.vocabulary import GroupKind, Limits, Nanoseconds
from doubletime.executors.virtual import Cost, Jitter, VirtualExecutor

if TYPE_CHECKING:
    from doubletime.cluster.router import ReplicaView
    from doubletime.cluster.wire import Wire


class Role(Enum):
    """What a replica does for a request."""

    BOTH = "both"
    PREFILL = "prefill"
    DECODE = "decode"


class Watcher(Recorder, Protocol):
    """Who follows a replica's steps. Leaps are told as what they stand for."""

    def leapt(self, scheduler: Scheduler, flight: Flight, ends: Row[Nanoseconds]) -> None:
        """Steps like `flight` ended at these times; the scheduler is as before the leap."""
        ...


class Owner(Protocol):
    """Who hears what became of the sequences of a replica."""

    def ended(self, replica: Replica, seq: Sequence) -> None: ...

    def refused(self, replica: Replica, request: int, reason: str) -> None: ...


class _Source(VirtualSource):
    def __init__(self, replica: Replica, owner: Owner) -> None:
        super().__init__()
        self._replica = replica
        self._owner = owner

    def refused(self, request: int, reason: str) -> None:
        self._replica.left(request, 0)
        self._owner.refused(self._replica, request, reason)

    def ended(self, seq: Sequence) -> None:
        if seq.request.n == 1 or seq.request.id not in self._replica.scheduler.roster.requests:
            self._replica.left(seq.request.id, seq.known)
        self._owner.ended(self._replica, seq)


class _Metered:
    """Lets a meter see what the watcher sees."""

    def __init__(self, watcher: Watcher, meter: Meter) -> None:
        self._watcher = watcher
        self._meter = meter

    def event(self, step: int, event: Event) -> None:
        self._watcher.event(step, event)
        if isinstance(event, Result):
            self._meter.result(event)

    def plan(self, scheduler: Scheduler, plan: Plan) -> None:
        self._watcher.plan(scheduler, plan)
        self._meter.plan(scheduler, plan)


class Replica:
    """An engine with a virtual executor. `next_time` and `advance` drive it; `post` hands it events.

    It is a `router.ReplicaView` too. `metered`: for routers that look; it costs a little with every step. `wire`: to
    the other replicas, None where there is none. `changed`: its next time may be another one than was told last.
    """

    def __init__(
        self,
        index: int,
        limits: Limits,
        policies: tuple[Policy, ...],
        cost: Cost,
        owner: Owner,
        watcher: Watcher,
        *,
        in_flight: int = 2,
        jitter: Jitter | None = None,
        leaps: bool = True,
        role: Role = Role.BOTH,
        metered: bool = False,
        wire: Wire | None = None,
    ) -> None:
        self.index = index
        self.limits = limits
        self.role = role
        self.watcher = watcher
        self.changed = True
        self.scheduler = Scheduler(limits, policies)
        self._wire = wire
        self._meter = Meter(limits.max_rows) if metered else None
        self._source = _Source(self, owner)
        self._executor = VirtualExecutor(self._source, cost, jitter)
        recorder = _Metered(watcher, self._meter) if self._meter else watcher
        self.engine = Engine(self.scheduler, self._executor, self._source, in_flight=in_flight, recorder=recorder)
        self._leaps = leaps and cost.stages == 1
        self._ends: list[Nanoseconds] = []  # when the steps of the leap that is being prepared end
        self._rounds = 0  # how many of them may be leapt
        self._sent = self._left = 0

    # ---- what a router sees

    @property
    def outstanding(self) -> int:
        """Requests that were sent here and have not ended."""
        return self._sent - self._left

    @property
    def queued_tokens(self) -> int:
        return self._meter.tokens if self._meter else 0

    @property
    def running(self) -> int:
        return len(self.scheduler.roster.running)

    @property
    def free_blocks(self) -> int:
        return self.scheduler.memory.pools[0].available

    def match(self, request: Request) -> int:
        return cached_prefix(self.scheduler.memory, request)

    def wait(self, tokens: int, start: int, now: Nanoseconds) -> Nanoseconds | None:
        flights = self.scheduler.roster.flights
        latest = flights[-1].plan if flights else None
        return self._meter.wait(tokens, start, now, latest, self._free_tokens) if self._meter else None

    @property
    def _free_tokens(self) -> int:
        """Tokens of KV for which there is memory in every group."""
        memory = self.scheduler.memory
        pairs = zip(memory.groups, memory.pools, strict=True)
        free = (pool.available * group.block_tokens for group, pool in pairs if group.kind is not GroupKind.WINDOW)
        return min(free, default=NEVER)

    def fetch_time(self, source: ReplicaView, tokens: int, now: Nanoseconds) -> Nanoseconds:
        if self._wire is None:
            raise ValueError("these replicas have no link between them to fetch KV over")
        return self._wire.arrives(source.index, self.index, tokens, now) - now

    # ---- what it is given

    def send(self, arrival: Arrive) -> None:
        """A request for this replica, now or later."""
        self._sent += 1
        if self._meter:
            request = arrival.request
            self._meter.sent(request, max(request.preloaded, self.match(request)))
        self.post(arrival)

    def post(self, event: Event) -> None:
        """Another event, for now or later."""
        self.changed = True
        self._source.post(event)

    def left(self, request: int, tokens: int) -> None:
        """A request of this replica has ended, with so many tokens."""
        self._left += 1
        if self._meter:
            self._meter.ended(request, tokens, self.scheduler.now)

    # ---- time

    def next_time(self, until: Nanoseconds | None) -> Nanoseconds | None:
        """When something happens here that others could notice, as far as it is before `until`; None: never.

        A time at or after `until` may be too early: ask again with a later `until`.
        """
        due = self._source.next_time
        if self._rounds:
            limit = due if until is None else until if due is None else min(until, due)
            self._executor.extend(self._ends, self._rounds + 1, limit)
            return self._ends[-1] if due is None else min(due, self._ends[-1])
        ends = self._executor.ends_at
        times = [time for time in (due, ends, self.engine.wake) if time is not None]
        return min(times, default=None)

    def catch_up(self, now: Nanoseconds) -> None:
        """Takes the prepared steps that end before `now`, so that what is posted for now comes after them."""
        if self._rounds:
            self.changed = True
            self._leap(sum(end < now for end in self._ends))
            self._rounds = self.engine.horizon()

    def advance(self, now: Nanoseconds) -> None:
        """Does what happens at `now` = `next_time`."""
        self.changed = True
        if self._rounds:
            self._leap(sum(end < now for end in self._ends))
        self.engine.turn()
        if self._leaps:
            self._rounds = self.engine.horizon()

    def _leap(self, count: int) -> None:
        """Commits `count` of the prepared rounds; what is left of them is forgotten."""
        count, ends = min(count, self._rounds), self._ends
        if count:
            self.watcher.leapt(self.scheduler, self.scheduler.roster.flights[0], ends[:count])
            self.engine.leap(ends[:count])
            self._executor.leap([flight.plan for flight in self.scheduler.roster.flights], ends, count)
        self._ends, self._rounds = [], 0
