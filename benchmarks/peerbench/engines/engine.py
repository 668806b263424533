"""What the benchmark asks of an engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from benchmarks.peerbench.points import Model, Point, Precision, Rates
from benchmarks.peerbench.process import Launch


class Engine(Protocol):
    """`name` stands in tables. Every call starts fresh processes; failures are PeerFailed."""

    @property
    def name(self) -> str: ...

    @property
    def serves(self) -> bool:
        """Whether it has an OpenAI-compatible server that is compared."""
        ...

    def lacks(self, model: Model, precision: Precision) -> str | None:
        """Why it cannot run a model at a precision; None if it can."""
        ...

    def rates(self, model: Model, precision: Precision, points: Sequence[Point]) -> Rates:
        """Tokens/s of each point; loading is not in it."""
        ...

    def server(self, model: Model, precision: Precision, port: int) -> Launch:
        """The command of its server. Raises PeerFailed if it has none."""
        ...
