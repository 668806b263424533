"""The one result schema of `bench`, `simulate` and `compare`: seconds and tokens, null for what nobody knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from doubletime.core.vocabulary import SECOND, SLO, Nanoseconds
from doubletime.lab.metrics import Metrics, Record
from doubletime.version import __version__

SCHEMA = 1

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What only the engine knows. A rate is None where its denominator is 0."""

    prefix_hit_rate: float | None = None
    rehit_rate: float | None = None
    preemptions: int | None = None
    recomputed_tokens: int | None = None
    steps: int | None = None
    scheduler_us_per_step: float | None = None


@dataclass(slots=True)
class Scores:
    """Records in, the schema out: over all, by class and by replica."""

    slo: SLO = SLO()
    all: Metrics = field(init=False)
    classes: dict[str, Metrics] = field(default_factory=dict)
    replicas: dict[str, Metrics] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.all = Metrics(self.slo)

    def gap(self, record: Record, gap: Nanoseconds) -> None:
        """A gap between two tokens of a request that was completed."""
        self._each(record, lambda metrics: metrics.gap(gap))

    def gaps(self, slo_class: str, replica: str, gap: Nanoseconds, times: int) -> None:
        """As many equal gaps of completed requests of one class on one replica."""
        self.all.gap(gap, times)
        if slo_class:
            self._part(self.classes, slo_class).gap(gap, times)
        if replica:
            self._part(self.replicas, replica).gap(gap, times)

    def add(self, record: Record, now: Nanoseconds) -> None:
        """A request has ended."""
        self._each(record, lambda metrics: metrics.add(record, now))

    def _each(self, record: Record, act: Callable[[Metrics], None]) -> None:
        act(self.all)
        if record.slo_class:
            act(self._part(self.classes, record.slo_class))
        if record.replica:
            act(self._part(self.replicas, record.replica))

    def _part(self, parts: dict[str, Metrics], name: str) -> Metrics:
        if name not in parts:
            parts[name] = Metrics(self.slo)
        return parts[name]


def result(
    scores: Scores,
    facts: EngineFacts,
    *,
    clock: Literal["real", "virtual"],
    policy: str | None,
    config: Json,
    seed: int,
    began: Nanoseconds = 0,
    client_lag_s: float | None = None,
    error: Json | None = None,
    cost: Json | None = None,
) -> Json:
    """The result, ready for JSON. `began` is when the workload did, on the records' clock."""
    duration = max(0, scores.all.ended - began) / SECOND
    return {
        "schema": SCHEMA,
        "clock": clock,
        "policy": policy,
        "config": config,
        **_measured(scores.all, duration),
        "prefix_hit_rate": facts.prefix_hit_rate,
        "rehit_rate": facts.rehit_rate,
        "preemptions": facts.preemptions,
        "recomputed_tokens": facts.recomputed_tokens,
        "steps": facts.steps,
        "scheduler_us_per_step": facts.scheduler_us_per_step,
        "by_class": _parts(scores.classes, duration),
        "by_replica": _parts(scores.replicas, duration),
        "error": error,
        "cost": cost,
        "client_lag_s": client_lag_s,
        "seed": seed,
        "version": __version__,
    }


def _measured(metrics: Metrics, duration: float) -> Json:
    return {
        "requests": metrics.requests(),
        "duration_s": duration,
        "throughput": metrics.throughput(duration),
        **metrics.latencies(),
        "slo": metrics.attainment(duration),
    }


def _parts(parts: dict[str, Metrics], duration: float) -> dict[str, Json]:
    return {name: _measured(metrics, duration) for name, metrics in sorted(parts.items())}
