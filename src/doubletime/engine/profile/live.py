"""The engine around the steps: what its thread takes from the forward thread, gaps between steps, a request's way in.

The two threads share Python's interpreter lock: while one plans and handles tokens, the other's step takes longer.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING, NamedTuple

from doubletime.core.events import Event, Result
from doubletime.core.plan import Plan
from doubletime.core.vocabulary import SECOND, SLO
from doubletime.engine.config import EngineConfig
from doubletime.engine.profile.subjects import Config, checkpoint
from doubletime.engine.target import EngineTarget
from doubletime.lab.bench.drive import drive
from doubletime.lab.workload.open import open_workload

if TYPE_CHECKING:
    from doubletime.core.scheduler import Scheduler

_KV_MEMORY = 100_000_000


class Live(NamedTuple):
    """Steps of a loaded engine with their seconds; the median gap between two steps that followed at once; and what
    passes from sending a request to its first token beside the step that computed it (None under load)."""

    steps: list[tuple[Plan, float]]
    gap: float
    way: float | None


@dataclass
class _Watch:
    """A recorder that keeps plans and durations."""

    plans: dict[int, Plan] = field(default_factory=dict)
    ends: dict[int, tuple[int, int]] = field(default_factory=dict)  # step → (time, duration)

    def event(self, step: int, event: Event) -> None:
        if isinstance(event, Result):
            self.ends[event.step] = (event.time, event.duration)

    def plan(self, scheduler: Scheduler, plan: Plan) -> None:
        if not plan.idle:
            self.plans[plan.step] = plan


def live(own: Config, dtype: str, users: int, requests: int, prompt: int, output: int) -> Live:
    """A closed loop of `users` on the engine in this process."""
    with tempfile.TemporaryDirectory() as folder:
        model = checkpoint(own, Path(folder) / "model")
        target = EngineTarget(EngineConfig(model=str(model), dtype=dtype, device="cpu", kv_memory=_KV_MEMORY))
        watch = _Watch()
        target.watch(watch)
        try:
            load = f"closed:concurrency={users},prompt={prompt},output={output},n={requests}"
            measured = drive(open_workload(load, seed=0), target, SLO(), timeout_s=600)
        finally:
            target.close()
    ttft = measured.scores.all.ttft.summary()
    steps = [(plan, watch.ends[step][1] / SECOND) for step, plan in watch.plans.items() if step in watch.ends]
    first = [seconds for plan, seconds in steps if plan.work]
    way = ttft["p50"] - median(first) if ttft and users == 1 else None
    return Live(steps, _gap(watch), way)


def _gap(watch: _Watch) -> float:
    """Seconds between the end of a step and the start of the next, where that had been waiting."""
    steps = sorted(watch.ends)
    gaps = []
    for one, other in pairwise(steps):
        (ended, _), (time, took) = watch.ends[one], watch.ends[other]
        if other == one + 1 and watch.plans[other].decode_seqs:
            gaps.append((time - ended - took) / SECOND)
    return max(0.0, median(gaps)) if gaps else 0.0


def spread(runs: list[Live]) -> float:
    """Relative standard deviation of equal steps, from the median difference of neighbours with as many decodes."""
    found = []
    for run in runs:
        by_count: dict[int, list[float]] = {}
        for plan, seconds in run.steps:
            if not plan.work:
                by_count.setdefault(len(plan.decode_seqs), []).append(seconds)
        for times in by_count.values():
            found += [abs(a - b) / (a + b) for a, b in pairwise(times)]
    return 2 * median(found) / (0.6745 * 2**0.5) if found else 0.0


def overheads(runs: list[Live], extra: list[tuple[float, ...]]) -> dict[str, float]:
    """`extra`: (host, sequence) fitted to the steps."""
    ways = [run.way for run in runs if run.way is not None]
    return {
        "step": mean(run.gap for run in runs),
        "host": mean(host for host, _ in extra),
        "sequence": mean(sequence for _, sequence in extra),
        "layer": 0.0,
        "api": max(0.0, mean(ways)) if ways else 0.0,
    }
