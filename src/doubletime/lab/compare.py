"""Rehearsals side by side: each variant under each load, with what a report plots of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from doubletime.core.vocabulary import SLO
from doubletime.lab.cell import Cell, Rehearse, virtual
from doubletime.lab.grid import Load, Variant
from doubletime.lab.pool import each
from doubletime.lab.result import SCHEMA
from doubletime.lab.series import Series, series
from doubletime.lab.workload.demand import demand

SHARES = (*(number / 100 for number in range(100)), 0.995, 0.999, 1.0)

Json = dict[str, Any]


class Task(NamedTuple):
    """One cell of the comparison, before it has run."""

    variant: Variant
    load: Load
    cell: Cell


@dataclass(frozen=True, slots=True)
class Compared:
    """One cell. `result` is None where the design cannot run; `refused` says why. `offered`: requests a second.

    `ttft` and `tpot`: the values in seconds at SHARES. `series` is None unless it was asked for.
    """

    variant: Variant
    load: Load
    offered: float | None
    result: Json | None
    refused: str = ""
    ttft: tuple[float, ...] = ()
    tpot: tuple[float, ...] = ()
    series: Series | None = None

    def to_json(self) -> Json:
        return {
            "variant": self.variant.name,
            "load": self.load.name,
            "offered_rps": self.offered,
            "design": self.variant.design.to_json(),
            "refused": self.refused or None,
            "result": self.result,
        }


def tasks(variants: Sequence[Variant], loads: Sequence[Load], slo: SLO, seed: int, limit: int | None) -> list[Task]:
    """Every variant under every load, the variants of a load together."""
    return [
        Task(variant, load, Cell(variant.design, load.trace, slo, seed, limit))
        for load in loads
        for variant in variants
    ]


def compare(
    work: Sequence[Task],
    *,
    jobs: int = 1,
    keep_series: bool = False,
    error_bars: bool = False,
    rehearse: Rehearse | None = None,
    progress: Callable[[], object] = lambda: None,
) -> list[Compared]:
    """Runs all cells, in the order of `work`. Raises ValueError where not a single design can run.

    `error_bars`: each cell three times, with steps as predicted, faster and slower by their error.
    """
    run = partial(run_task, keep_series=keep_series, error_bars=error_bars, rehearse=rehearse)
    found = each(run, work, jobs, progress)
    if found and all(cell.result is None for cell in found):
        raise ValueError(found[0].refused)
    return found


def run_task(task: Task, *, keep_series: bool, error_bars: bool, rehearse: Rehearse | None = None) -> Compared:
    """One cell; that a design cannot run is an answer. A wrong load is raised."""
    offered, run = demand(task.cell.workload()).rate, rehearse or virtual()
    try:
        found = task.cell.run(run, keep_steps=keep_series)
    except ValueError as error:
        return Compared(task.variant, task.load, offered, None, str(error))
    if error_bars and found.result["error"]:
        found.result["error"] = _with_figures(task.cell, found.result["error"], run)
    scores = found.scores.all
    return Compared(
        task.variant, task.load, offered, found.result,
        ttft=tuple(scores.ttft.quantiles(SHARES)),
        tpot=tuple(scores.tpot.quantiles(SHARES)),
        series=series(found.steps),
    )  # fmt: skip


def _with_figures(cell: Cell, error: Json, run: Rehearse) -> Json:
    """The error with [least, most] of every figure, where steps are faster and slower by it."""
    from doubletime.lab.rehearsal.bars import spread

    fast, slow = (cell.run(run, slower=1 + error[end]).result for end in ("low", "high"))
    met = {key: sorted((fast["slo"][key], slow["slo"][key])) for key in ("attainment", "goodput_rps")
           if fast["slo"][key] is not None}  # fmt: skip
    return {**error, "figures": {**spread(fast, slow), "slo": met}}


def to_json(found: Sequence[Compared], command: str) -> Json:
    """The comparison for `--json`: each cell's result is of the common schema."""
    return {"schema": SCHEMA, "command": command, "cells": [cell.to_json() for cell in found]}
