"""What requests lived through, and what that adds up to. The definitions are those of the result schema."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from doubletime.core.vocabulary import SECOND, SLO, Nanoseconds
from doubletime.lab.percentiles import Summary, Tally


class Outcome(Enum):
    """How a request ended."""

    COMPLETED = "completed"
    FAILED = "failed"  # an error, a lost connection, a time-out
    REFUSED = "refused"  # it could never have run, or the server would not take it
    CANCELLED = "cancelled"


@dataclass(slots=True)
class Record:
    """One request that was sent. Times on one clock; None where it never came to that, or where nobody can know.

    `last` is the last token's time. The gaps between tokens go to `Metrics.gap` as they happen.
    """

    arrival: Nanoseconds
    prompt: int
    output: int = 0
    outcome: Outcome = Outcome.FAILED
    first: Nanoseconds | None = None
    last: Nanoseconds | None = None
    first_slab: Nanoseconds | None = None
    slo: SLO = SLO()
    slo_class: str = ""
    replica: str = ""

    @property
    def ttft(self) -> Nanoseconds | None:
        """Arrival to first token."""
        return None if self.first is None else self.first - self.arrival

    @property
    def e2e(self) -> Nanoseconds | None:
        """Arrival to last token."""
        return None if self.last is None else self.last - self.arrival

    @property
    def tpot(self) -> float | None:
        """Nanoseconds per output token after the first; None for one token."""
        if self.first is None or self.last is None or self.output < 2:
            return None
        return (self.last - self.first) / (self.output - 1)

    @property
    def queued(self) -> Nanoseconds | None:
        """Arrival to first slab."""
        return None if self.first_slab is None else self.first_slab - self.arrival


def meets(record: Record, slo: SLO) -> bool:
    """It completed within every target: those asked of all, else its own. One token has no TPOT to miss."""
    if record.outcome is not Outcome.COMPLETED or record.ttft is None:
        return False
    ttft = slo.ttft if slo.ttft is not None else record.slo.ttft
    tpot = slo.tpot if slo.tpot is not None else record.slo.tpot
    in_time = ttft is None or record.ttft <= ttft
    return in_time and (tpot is None or record.tpot is None or record.tpot <= tpot)


class Metrics:
    """Adds up records as they end; holds counted distributions, not the records. `slo` is asked of every request."""

    def __init__(self, slo: SLO = SLO()) -> None:
        self.slo = slo
        self.sent = 0
        self.outcomes = dict.fromkeys(Outcome, 0)
        self.prompt_tokens = 0  # of completed requests, as is the next
        self.output_tokens = 0
        self.met = 0
        self.any_slo = slo != SLO()
        self.ended: Nanoseconds = 0  # when the last one did
        self.ttft, self.tpot, self.e2e, self.queued, self.gaps = Tally(), Tally(), Tally(), Tally(), Tally()

    def gap(self, gap: Nanoseconds, times: int = 1) -> None:
        """A gap between two tokens of a request that was completed."""
        self.gaps.add(gap, times)

    def add(self, record: Record, now: Nanoseconds) -> None:
        """A request has ended, however it did."""
        self.sent += 1
        self.outcomes[record.outcome] += 1
        self.ended = max(self.ended, now)
        self.any_slo = self.any_slo or record.slo != SLO()
        self.met += meets(record, self.slo)
        if record.outcome is Outcome.COMPLETED:
            self.prompt_tokens += record.prompt
            self.output_tokens += record.output
            for tally, value in self._times(record):
                if value is not None:
                    tally.add(round(value))

    def _times(self, record: Record) -> tuple[tuple[Tally, float | None], ...]:
        return (
            (self.ttft, record.ttft),
            (self.tpot, record.tpot),
            (self.e2e, record.e2e),
            (self.queued, record.queued),
        )

    def latencies(self) -> dict[str, Summary | None]:
        """The five distributions of the schema; None where there is nothing to tell."""
        return {
            "ttft_s": self.ttft.summary(),
            "tpot_s": self.tpot.summary(),
            "itl_s": self.gaps.summary(),
            "e2e_s": self.e2e.summary(),
            "queue_s": self.queued.summary(),
        }

    def requests(self) -> dict[str, int]:
        return {"sent": self.sent} | {outcome.value: count for outcome, count in self.outcomes.items()}

    def throughput(self, duration_s: float) -> dict[str, float]:
        """Completed requests and their tokens."""
        span = max(duration_s, 1e-9)
        return {
            "requests_per_s": self.outcomes[Outcome.COMPLETED] / span,
            "prompt_tokens_per_s": self.prompt_tokens / span,
            "output_tokens_per_s": self.output_tokens / span,
        }

    def attainment(self, duration_s: float) -> dict[str, Any]:
        """The schema's `slo`: null where nothing was asked. Goodput counts the requests that met everything."""
        asked = self.any_slo and self.sent > 0
        return {
            "ttft_s": None if self.slo.ttft is None else self.slo.ttft / SECOND,
            "tpot_s": None if self.slo.tpot is None else self.slo.tpot / SECOND,
            "attainment": self.met / self.sent if asked else None,
            "goodput_rps": self.met / max(duration_s, 1e-9) if asked else None,
        }
