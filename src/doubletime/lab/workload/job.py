"""A workload is a stream of sessions, a session a row of jobs, a job one request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from doubletime.core.events import Request
from doubletime.core.vocabulary import SLO, Nanoseconds
from doubletime.lab.workload.content import KEY_TOKENS, Content


@dataclass(frozen=True, slots=True)
class Job:
    """Lengths in tokens. A session's first job arrives `offset` after the session's start.

    A later one waits for the answer to the one before and `think` more, and is never earlier than `offset`.
    `content` None: shares nothing with anybody. Where it reaches past the prompt it also says what the answer's
    blocks will be called, so that the next turn can hit them. `text` and `tokens` are there if the source has them.
    """

    prompt: int
    output: int
    offset: Nanoseconds = 0
    think: Nanoseconds = 0
    content: Content | None = None
    session: str = ""
    turn: int = 0
    priority: int = 0
    tenant: str = ""
    program: str = ""
    slo: SLO = SLO()
    slo_class: str = ""
    text: str | None = None
    tokens: tuple[int, ...] | None = None

    @property
    def key_tokens(self) -> int:
        return self.content.key_tokens if self.content else KEY_TOKENS

    @property
    def keys(self) -> tuple[int, ...]:
        """Keys of the blocks that the prompt fills."""
        return self.content.keys(self.prompt) if self.content else ()

    def request(self, request_id: int, *, seed: int = 0) -> Request:
        """What the core sees of it."""
        return Request(
            request_id, self.prompt, self.output, keys=self.keys, key_tokens=self.key_tokens, priority=self.priority,
            tenant=self.tenant, program=self.program, slo=self.slo, seed=seed,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Session:
    """Jobs that follow one another. `start` is since the workload's own; sessions come in the order of their starts."""

    start: Nanoseconds
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """`sessions()` reads from the beginning, lazily: a trace of a million requests is never held whole.

    `concurrency`: a closed loop of so many users, each of whom starts the next session when one has ended; the
    sessions' starts do not count then. `timed` False: the source has no arrival times, and every start is 0.
    `requests` is how many there are at most, None if nobody knows before the end.
    """

    name: str
    sessions: Callable[[], Iterator[Session]]
    seed: int = 0
    concurrency: int | None = None
    requests: int | None = None
    timed: bool = True
