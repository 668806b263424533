"""Whether the client itself was the bottleneck: then what it measured is worse than what the server did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from doubletime.lab.bench.drive import Measured
from doubletime.lab.bench.target import Target

_LAG = 0.02  # seconds at the 99th percentile
_CPU = 0.7  # of one core; Python runs on one


@dataclass(frozen=True, slots=True)
class Strain:
    """`lag_s`: 99th percentile of how late it sent or read, whichever was later. `cpu`: its share of one core, None if
    the engine runs in the same process."""

    lag_s: float | None
    cpu: float | None

    @classmethod
    def of(cls, measured: Measured, target: Target) -> Strain:
        reading = target.lag()
        summaries = [tally.summary() for tally in (measured.lag, reading) if tally is not None]
        lags = [summary["p99"] for summary in summaries if summary]
        return cls(max(lags, default=None), measured.cpu if reading is not None else None)

    def warnings(self) -> Iterator[str]:
        """For people; none if all is well."""
        if (self.lag_s or 0) > _LAG:
            yield (
                f"warning: this client was late itself (p99 {self.lag_s:.3f} s): "
                "the machine is too busy, or the load too much for one client; latencies are worse than they look"
            )
        if (self.cpu or 0) > _CPU:
            yield (
                f"warning: this client used {self.cpu:.0%} of the one core that it can use: "
                "it may be the bottleneck; share the load among several"
            )
