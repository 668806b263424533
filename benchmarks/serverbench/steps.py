"""What a step takes, read from a recording."""

from __future__ import annotations

import statistics
from pathlib import Path

from doubletime.core.events import Result
from doubletime.core.log import LoggedEvent, LoggedPlan, read_log


def full_steps(recording: Path, batch: int) -> list[float]:
    """Seconds from result to result of neighbouring steps that did nothing but decode the whole batch."""
    full, ends = set(), {}
    with recording.open() as lines:
        for item in read_log(lines):
            if isinstance(item, LoggedPlan) and len(item.plan.decode_seqs) == batch and not item.plan.work:
                full.add(item.plan.step)
            elif isinstance(item, LoggedEvent) and isinstance(item.event, Result):
                ends[item.event.step] = item.event.time
    return [(ends[step] - ends[step - 1]) / 1e9 for step in sorted(full) if {step, step - 1} <= full & ends.keys()]


def mean_step(recording: Path, batch: int) -> float:
    """The mean, since whoever waits now and then waits in the mean too."""
    return statistics.mean(full_steps(recording, batch))
