"""What a benchmark sends requests to, and what it hears back."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, Protocol

from doubletime.core.vocabulary import Nanoseconds
from doubletime.lab.bench.wording import Answer
from doubletime.lab.metrics import Outcome
from doubletime.lab.percentiles import Tally
from doubletime.lab.result import EngineFacts
from doubletime.lab.workload.feed import Ticket


class News(NamedTuple):
    """Tokens of one request, its end, or both. `time` is of `time.monotonic_ns`, taken when they came.

    With the end: `usage` is (prompt, output) as the server counted, `first_slab` when it first ran, `answer` what it
    said; None where nobody tells.
    """

    number: int
    time: Nanoseconds
    tokens: int = 0
    outcome: Outcome | None = None
    error: str = ""
    usage: tuple[int, int] | None = None
    first_slab: Nanoseconds | None = None
    answer: Answer | None = None


class Target(Protocol):
    """Takes requests at once and never waits for them."""

    @property
    def policy(self) -> str | None:
        """The scheduling policy, None if nobody knows."""
        ...

    @property
    def config(self) -> dict[str, Any]:
        """What was resolved, for the result."""
        ...

    def send(self, ticket: Ticket) -> None: ...

    def cancel(self, number: int) -> None:
        """Ends a request from outside; there may still be news of it."""
        ...

    def poll(self, timeout_s: float | None) -> list[News]:
        """What is new, waiting at most so long for the first; None: as long as it takes. Raises if the target broke."""
        ...

    def facts(self) -> EngineFacts:
        """What the engine did for the requests of this run."""
        ...

    def lag(self) -> Tally | None:
        """How late the thread was that takes the times of tokens; None if it is the engine's own."""
        ...

    def close(self) -> None: ...


def drain(queue: SimpleQueue[News], timeout_s: float | None) -> list[News]:
    """All that is in the queue, waiting at most so long for the first."""
    news: list[News] = []
    try:
        news.append(queue.get(timeout=timeout_s))
        while True:
            news.append(queue.get_nowait())
    except Empty:
        return news
