"""The capacity of a design on a trace, for `simulate --find-capacity`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import IO, Any

from doubletime.lab.capacity import Capacity, find_capacity
from doubletime.lab.cell import Cell, Rehearse, virtual
from doubletime.lab.workload.demand import demand
from doubletime.lab.workload.pace import at_rate, at_scale, rate_of


def capacity_of(
    cell: Cell,
    attainment: float = 0.9,
    *,
    rehearse: Rehearse | None = None,
    tolerance: float = 0.02,
    progress: Callable[[], object] = lambda: None,
) -> Capacity:
    """The highest rate of a spec, or multiple of a file's recorded rate. Raises ValueError, DoesNotFit among them."""
    run = rehearse or virtual()
    rate = rate_of(cell.trace)
    change = at_scale if rate is None else at_rate
    change(cell.trace, 1.0)  # what has no rate is refused before anything runs
    asked = demand(cell.workload())
    if rate is None and asked.rate is None:
        raise ValueError(f"{cell.trace} has no arrival times to speed up: give replay:path={cell.trace},rate=1")

    def rehearse_at_rate(value: float, limit: int | None) -> dict[str, Any]:
        return replace(cell, trace=change(cell.trace, value)).limited(limit).run(run).result

    return find_capacity(
        rehearse_at_rate, cell.slo, attainment, requests=asked.requests, start=rate or 1.0, tolerance=tolerance,
        unit="times the recorded rate" if rate is None else "requests/s",
        per_second=asked.rate if rate is None else 1.0, progress=progress,
    )  # fmt: skip


def show(capacity: Capacity, file: IO[str] | None = None) -> None:
    """Prints the answer, the probes that led to it, and what speaks against it."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(file=file or sys.stdout, highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in (capacity.unit, "SLO met", "requests", ""):
        table.add_column(column, justify="right")
    for probe in sorted(capacity.probes, key=lambda probe: probe.rate):
        met = f"{'≤ ' if probe.cut else ''}{probe.attainment:.1%}"
        mark = "← capacity" if probe.rate == capacity.rate else "given up early" if probe.cut else ""
        table.add_row(f"{probe.rate:.4g}", met, f"{probe.requests:,}", mark)
    console.print(table)
    console.print(sentence(capacity))
    for note in capacity.notes:
        console.print(f"note: {note}")


def sentence(capacity: Capacity) -> str:
    """The answer in a line."""
    if capacity.rate is None:
        return f"capacity          none: {capacity.target:.0%} of the requests never meet the SLO"
    speed = capacity.requests_per_s
    second = "" if speed is None or capacity.unit == "requests/s" else f" ({speed:.4g} requests/s)"
    text = f"capacity          {capacity.rate:.4g} {capacity.unit}{second}: {capacity.attainment:.1%} meet the SLO"
    if capacity.next_rate is None:
        return text
    return f"{text}; at {capacity.next_rate:.4g} it is {capacity.next_attainment:.1%}"
