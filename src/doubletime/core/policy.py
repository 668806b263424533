"""What a policy is: a few roles and hooks, each optional. The policy asks, the core grants.

A policy supplies a role by defining its method; every role it leaves out is the default's. It sees sequences through
`SequenceView` and asks through `StepView`; nothing it does can harm a request beyond making it wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from doubletime.core.vocabulary import SLO, DepthMap, Fate, Grant, Nanoseconds, Open


class SequenceView(Protocol):
    """A sequence as a policy sees it. Counters include what is in flight."""

    @property
    def id(self) -> int: ...
    @property
    def arrived(self) -> Nanoseconds: ...
    @property
    def prompt(self) -> int: ...
    @property
    def output(self) -> int: ...
    @property
    def limit(self) -> int: ...  # most output tokens
    @property
    def known(self) -> int: ...  # tokens that exist
    @property
    def computed(self) -> int: ...  # tokens with KV at full depth
    @property
    def todo(self) -> int: ...  # tokens to compute before the next sample
    @property
    def depth(self) -> int: ...  # depth reached by the open slab, 0 if there is none
    @property
    def open(self) -> Open | None: ...
    @property
    def decoding(self) -> bool: ...
    @property
    def runnable(self) -> bool: ...
    @property
    def seated(self) -> bool: ...
    @property
    def admitted(self) -> int: ...  # the how-manieth admission, -1 before the first
    @property
    def preemptions(self) -> int: ...
    @property
    def first(self) -> Nanoseconds | None: ...  # time of the first token
    @property
    def last(self) -> Nanoseconds | None: ...  # time of the latest token
    @property
    def priority(self) -> int: ...
    @property
    def tenant(self) -> str: ...
    @property
    def program(self) -> str: ...
    @property
    def slo(self) -> SLO: ...
    @property
    def age_key(self) -> tuple[Nanoseconds, int]: ...  # sorts by arrival


class StepView(Protocol):
    """A step under construction. Every call is checked and charged at once; an exception discards the step."""

    @property
    def now(self) -> Nanoseconds: ...
    @property
    def index(self) -> int: ...
    @property
    def rows(self) -> int: ...  # rows (tokens of any depth) left in this step
    @property
    def blocks(self) -> tuple[int, ...]: ...  # KV blocks per group that are free or cached
    @property
    def seats(self) -> int: ...
    @property
    def depth(self) -> DepthMap: ...
    @property
    def work(self) -> Work: ...  # what has been granted so far

    def running(self) -> Iterator[SequenceView]:
        """Seated sequences that have no grant yet in this step and have work, in order of admission."""

    def prefills(self) -> Iterator[SequenceView]:
        """Those of `running` that are not decoding."""

    def waiting(self) -> Iterator[SequenceView]:
        """Sequences without a seat that have work, in the order of the order role. Held ones are among them."""

    def hit(self, seq: SequenceView) -> int:
        """Tokens of a waiting sequence whose KV is cached."""

    def run(
        self, seq: SequenceView, tokens: int | None = None, *, depth: int | None = None, reserve: bool = False
    ) -> Grant:
        """Asks for the next `tokens` tokens (None: all there are) down to `depth` (None: full).

        An open slab continues with the tokens that it has. `reserve` takes blocks for the whole known prefill.
        """

    def insist(
        self, seq: SequenceView, tokens: int | None = None, *, depth: int | None = None, reserve: bool = False
    ) -> Grant:
        """`run`, and while blocks are short the victim role names somebody to preempt."""

    def decode_all(self, except_: Iterable[SequenceView] = ()) -> int:
        """Insists on one token for every decoding sequence; how many were granted."""

    def preempt(self, seq: SequenceView, fate: Fate = Fate.RECOMPUTE) -> None:
        """Takes the seat (and a grant of this step) away."""

    def pin(self, seq: SequenceView, until: Nanoseconds) -> None:
        """When the sequence leaves, its cached blocks are kept until then, if memory allows."""

    def sleep(self, until: Nanoseconds) -> None:
        """If the step stays empty, nothing is planned before then unless something happens."""

    def note(self, seq: SequenceView, text: str) -> None:
        """An explanation for whoever asks why the sequence waited."""

    def rekey(self, seq: SequenceView) -> None:
        """The order role's key of a waiting sequence has changed. Not while iterating over `waiting`."""


@dataclass(frozen=True, slots=True)
class Work:
    """The size of a step, as predictors of its time see it. Token counts of partial slabs are weighted by depth."""

    prefill_tokens: float = 0.0
    prefill_context: float = 0.0  # sum over prefill slabs of tokens x (mean position of the slab)
    decodes: int = 0
    decode_context: int = 0  # sum over decodes of the position computed

    def __add__(self, other: Work) -> Work:
        return Work(
            self.prefill_tokens + other.prefill_tokens,
            self.prefill_context + other.prefill_context,
            self.decodes + other.decodes,
            self.decode_context + other.decode_context,
        )


@dataclass(frozen=True, slots=True)
class Served:
    """The report of `steps` equal steps that ended, the last of them now; `work` and `duration` are their sums.

    `sampled` are the sequences that got a token (in each of the steps). A stopped step reports `stopped`.
    """

    now: Nanoseconds
    steps: int
    duration: Nanoseconds
    work: Work
    sampled: tuple[SequenceView, ...]
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class FlightView:
    """The step that the executor is on, for `interrupt`."""

    seqs: tuple[SequenceView, ...]
    started: Nanoseconds
    work: Work


class Policy:
    """Base of all policies. Constructor parameters are the knobs; `reference` names the publication.

    Roles: key (order), compose, victim, rank (retain), admit. The rest are hooks; what is not overridden is not called.
    `bounded` declares that every request is served in bounded time under sustained overload; the conformance suite
    then checks it.
    """

    name: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    bounded: ClassVar[bool] = False

    # ---- roles

    def key(self, seq: SequenceView) -> Any:
        """Order: waiting sequences are considered in ascending key, then by arrival."""
        return 0

    def compose(self, step: StepView) -> None:
        """Fills the step."""

    def victim(self, step: StepView, need: SequenceView, running: Iterable[SequenceView]) -> SequenceView | None:
        """Who gives way to `need`, None if nobody should."""
        return None

    def fate(self, seq: SequenceView) -> Fate:
        """How a victim gives way. Part of the victim role."""
        return Fate.RECOMPUTE

    def rank(self, seq: SequenceView, block: int) -> float:
        """Retain: cached blocks are reused in ascending rank, then least recently released first."""
        return 0.0

    def admit(self, step: StepView, seq: SequenceView) -> bool:
        """Whether a waiting sequence may take a seat now."""
        return True

    # ---- hooks

    def steady(self, step: StepView) -> int:
        """After a step of nothing but `decode_all`: how many next steps are the same, unless something happens.

        Something: any event but a result, a stop, and while somebody waits an end or a newly cached block. An end while
        nobody waits changes who decodes, not that all do.
        """
        return 0

    def arrive(self, seq: SequenceView, now: Nanoseconds) -> None:
        """A sequence has arrived."""

    def served(self, report: Served) -> None:
        """Steps have ended. Sequences that they finished are still in the report."""

    def left(self, seq: SequenceView, now: Nanoseconds) -> Nanoseconds:
        """A sequence ends. Until the time returned its cached blocks stay, if memory allows."""
        return 0

    def interrupt(self, newcomer: SequenceView, flight: FlightView, now: Nanoseconds) -> bool:
        """An arrival while a step runs: stop the step at its next preemption point?"""
        return False


ROLES: dict[str, tuple[str, ...]] = {
    "order": ("key",),
    "compose": ("compose", "steady"),
    "victim": ("victim", "fate"),
    "retain": ("rank",),
    "admit": ("admit",),
}


def overrides(policy: Policy, method: str) -> bool:
    """Whether a policy defines a method itself."""
    return getattr(type(policy), method) is not getattr(Policy, method)


def roles_of(policy: Policy) -> tuple[str, ...]:
    """The roles that a policy supplies."""
    return tuple(role for role, methods in ROLES.items() if overrides(policy, methods[0]))
