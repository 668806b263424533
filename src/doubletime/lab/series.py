"""What the engines did over time, from their steps: means over equal spans of time, few enough to plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from doubletime.core.vocabulary import SECOND, Nanoseconds
from doubletime.lab.rehearsal.steps import StepRecord

SPANS = 120


@dataclass(frozen=True, slots=True)
class Series:
    """Means over spans of `width` seconds, weighted by time, one number a span.

    `kv`: share of the KV blocks in use, over all replicas; `decodes` and `prefills`: rows of the steps that run, summed
    over replicas (an engine without a step counts as 0); `running` and `waiting`: requests.
    """

    width: float
    kv: tuple[float, ...]
    decodes: tuple[float, ...]
    prefills: tuple[float, ...]
    running: tuple[float, ...]
    waiting: tuple[float, ...]


def series(steps: Sequence[StepRecord], spans: int = SPANS) -> Series | None:
    """None of no steps."""
    end = max((step.end for step in steps), default=0)
    if not end:
        return None
    grid = _Grid(end, spans, 1 + max(step.replica for step in steps))
    for step in steps:
        grid.add(step)
    return grid.series()


class _Grid:
    """Integrals over each span: a step adds what it held, times how long the two overlap."""

    def __init__(self, end: Nanoseconds, spans: int, replicas: int) -> None:
        self._width = max(1, -(-end // spans))
        self._replicas = replicas
        self._sums = {field.name: [0.0] * spans for field in fields(Series) if field.name != "width"}

    def add(self, step: StepRecord) -> None:
        for span in range(step.start // self._width, -(-step.end // self._width)):
            start = span * self._width
            share = (min(step.end, start + self._width) - max(step.start, start)) / self._width
            sums = self._sums
            sums["kv"][span] += share * (step.used / step.blocks if step.blocks else 0.0) / self._replicas
            sums["decodes"][span] += share * step.decodes
            sums["prefills"][span] += share * step.prefill_tokens
            sums["running"][span] += share * step.running
            sums["waiting"][span] += share * step.waiting

    def series(self) -> Series:
        rounded = {name: tuple(float(f"{value:.4g}") for value in sums) for name, sums in self._sums.items()}
        return Series(self._width / SECOND, **rounded)
