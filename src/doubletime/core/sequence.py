"""One sequence: its lengths, its memory, its state. The schedulable unit of the engine."""

from __future__ import annotations

from doubletime.core.events import Request
from doubletime.core.vocabulary import SLO, Finish, Nanoseconds, Open, State

NEVER = 1 << 62
"""A length that no sequence reaches."""


class Sequence:
    """Two views of progress: settled (results handled) and planned (with what is in flight).

    Settled: `done` tokens have KV at full depth, `output` tokens are sampled, `settled_open` is the open slab.
    Planned: `computed`, `output + pending`, `open`. Without steps in flight the two are equal.
    """

    __slots__ = (
        "admitted", "announced", "arrived", "busy", "choice", "computed", "done", "final", "finish", "first",
        "first_slab", "fresh_from", "hit_tokens", "id", "in_flight", "keys", "last", "last_step", "match_memo",
        "open", "output", "parked", "pending", "pin_until", "preemptions", "preloaded", "prompt", "published",
        "recomputed", "request", "room", "settled_open", "state", "tables", "tend_at", "void_from",
    )  # fmt: skip

    def __init__(self, seq_id: int, request: Request, arrived: Nanoseconds, groups: int) -> None:
        self.id = seq_id
        self.request = request
        self.choice = seq_id - request.id
        self.arrived = arrived
        self.state = State.WAITING if self.choice == 0 else State.FORKING
        self.prompt = request.prompt
        self.final = request.final
        self.busy = not request.ready
        self.parked = False  # an open prompt that lost its KV while it waited for more: computed again when that comes
        self.keys: list[int] = list(request.keys)
        self.preloaded = 0 if self.choice else request.preloaded  # until it is seated, or loses its KV
        # progress, settled
        self.done = 0
        self.output = 0
        self.settled_open: Open | None = None
        # progress, planned
        self.computed = 0
        self.pending = 0
        self.open: Open | None = None
        # memory: one block list per group; -1 is a block that has left the window
        self.tables: list[list[int]] = [[] for _ in range(groups)]
        self.announced = False  # the executor has its block lists
        self.published = [0] * groups  # leading blocks that were offered to the prefix index
        self.room = 0  # positions below it can be written without asking the memory for anything
        self.tend_at = 0  # when `done` reaches it, there is a block to publish or a window to slide
        self.match_memo: tuple[int, tuple[int, ...]] = (-1, ())
        self.pin_until: Nanoseconds = 0
        # steps in flight
        self.in_flight = 0
        self.last_step = -1
        self.fresh_from = 0  # KV written by earlier steps is gone
        self.void_from = 0  # tokens sampled by earlier steps are void
        # history
        self.admitted = -1  # the how-manieth admission, -1 before the first
        self.preemptions = 0
        self.recomputed = 0  # tokens of KV that preemptions threw away
        self.hit_tokens = 0
        self.first_slab: Nanoseconds | None = None
        self.first: Nanoseconds | None = None
        self.last: Nanoseconds | None = None
        self.finish: Finish | None = None

    def __repr__(self) -> str:
        return f"<sequence {self.id} {self.state.value} {self.computed}/{self.known}+{self.pending}>"

    @property
    def known(self) -> int:
        """Tokens that exist: prompt and sampled."""
        return self.prompt + self.output

    @property
    def length(self) -> int:
        """Known tokens and those in flight."""
        return self.prompt + self.output + self.pending

    @property
    def todo(self) -> int:
        """Tokens to compute before the next sample; 0 while there is nothing to compute."""
        return 0 if self.exhausted else self.length - self.computed

    @property
    def exhausted(self) -> bool:
        """All the output that it may have is sampled or in flight."""
        return self.output + self.pending >= self.request.limit

    @property
    def decoding(self) -> bool:
        """Its next work is one token that samples the next (perhaps the rest of it, if a step was stopped)."""
        return self.output + self.pending > 0 and self.todo == 1

    @property
    def runnable(self) -> bool:
        """There is work that could be planned now, memory permitting."""
        if self.busy or self.parked or (self.request.serial and self.in_flight):
            return False
        return self.todo > 0 and self.state in (State.WAITING, State.HELD, State.RUNNING)

    @property
    def seated(self) -> bool:
        return self.state is State.RUNNING

    @property
    def stop_at(self) -> int:
        """`computed` when the last token that may be sampled has been planned."""
        return self.prompt + self.request.limit - 1

    @property
    def limit(self) -> int:
        return self.request.limit

    @property
    def depth(self) -> int:
        """Depth of the open slab, 0 if there is none."""
        return self.open.depth if self.open else 0

    @property
    def priority(self) -> int:
        return self.request.priority

    @property
    def tenant(self) -> str:
        return self.request.tenant

    @property
    def program(self) -> str:
        return self.request.program

    @property
    def slo(self) -> SLO:
        return self.request.slo

    @property
    def age_key(self) -> tuple[Nanoseconds, int]:
        """Arrival order."""
        return (self.arrived, self.id)

    def back_to_settled(self) -> None:
        """Forgets all that is in flight."""
        self.computed = self.done
        self.open = self.settled_open
        self.pending = 0
        self.in_flight = 0

    def forget_progress(self) -> None:
        """KV and open slab are gone; sampled tokens stay, also those in flight."""
        self.done = self.computed = 0
        self.open = self.settled_open = None
        self.announced = False
        self.room = 0
        self.tend_at = 0
