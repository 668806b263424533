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

from doubletime.core.events import Arrive, Event, Request, Result
from doubletime.core.plan import Plan
from doubletime.core.vocabulary import SECOND, SLO
from doubletime.decoding.sampling import Sampling
from doubletime.engine.config import DEFAULT_ROWS, DEFAULT_SEATS, EngineConfig
from doubletime.engine.profile.stopwatch import on_thread
from doubletime.engine.profile.subjects import Config, checkpoint
from doubletime.engine.target import EngineTarget
from doubletime.executors.stops import Stops
from doubletime.executors.torch_limits import limits_for
from doubletime.executors.torch_runner import TorchRunner
from doubletime.lab.bench.drive import drive
from doubletime.lab.workload.open import open_workload
from doubletime.models import load_model

if TYPE_CHECKING:
    from doubletime.core.scheduler import Scheduler

_KV_MEMORY = 100_000_000


class Step(NamedTuple):
    """Seconds that a step took in the loaded engine, and those that the same plan takes on a runner alone."""

    plan: Plan
    loaded: float
    alone: float


class Live(NamedTuple):
    """Steps of a loaded engine; the median gap between two that followed at once; and what passes from sending a
    request to its first token beside the step that computed it (None with more than one user)."""

    steps: list[Step]
    gap: float
    way: float | None


@dataclass
class _Watch:
    """A recorder that keeps plans and durations."""

    requests: dict[int, Request] = field(default_factory=dict)
    plans: dict[int, Plan] = field(default_factory=dict)
    ends: dict[int, tuple[int, int]] = field(default_factory=dict)  # step → (time, duration)

    def event(self, step: int, event: Event) -> None:
        if isinstance(event, Result):
            self.ends[event.step] = (event.time, event.duration)
        elif isinstance(event, Arrive):
            self.requests[event.request.id] = event.request

    def plan(self, scheduler: Scheduler, plan: Plan) -> None:
        if not plan.idle:
            self.plans[plan.step] = plan


def live(own: Config, dtype: str, users: int, requests: int, prompt: int, output: int) -> Live:
    """A closed loop of `users` on the engine in this process."""
    with tempfile.TemporaryDirectory() as folder:
        model = checkpoint(own, Path(folder) / "model")
        config = EngineConfig(model=str(model), dtype=dtype, device="cpu", kernels="torch", kv_memory=_KV_MEMORY)
        watch = _Watch()
        target = EngineTarget(config)
        target.watch(watch)
        try:
            load = f"closed:concurrency={users},prompt={prompt},output={output},n={requests}"
            measured = drive(open_workload(load, seed=0), target, SLO(), timeout_s=600)
        finally:
            target.close()
        alone = on_thread(lambda: _replay(watch, config))
    ttft = measured.scores.all.ttft.summary()
    steps = [
        Step(watch.plans[step], took / SECOND, alone[step]) for step, (_, took) in watch.ends.items() if step in alone
    ]
    first = [step.loaded for step in steps if step.plan.work]
    way = ttft["p50"] - median(first) if ttft and users == 1 else None
    return Live(steps, _gap(watch), way)


def _replay(watch: _Watch, config: EngineConfig) -> dict[int, float]:
    """The same plans again, with nobody else about. The tokens are others, which changes no time."""
    model = load_model(str(config.model), config.dtype, "cpu")
    limits = limits_for(model, kv_memory=config.kv_memory, max_rows=DEFAULT_ROWS, max_seats=DEFAULT_SEATS)
    runner, found = TorchRunner(model, limits), {}
    for step, plan in sorted(watch.plans.items()):
        for slab in plan.slabs:
            if slab.seq not in runner.ledger:
                tokens = [1] * (watch.requests[slab.seq].prompt if slab.seq in watch.requests else slab.end)
                runner.ledger.admit(slab.seq, tokens, Sampling(temperature=0))
        found[step] = runner.run(plan, Stops()).duration_ns / SECOND
    return found


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
        for plan, loaded, _ in run.steps:
            if not plan.work:
                by_count.setdefault(len(plan.decode_seqs), []).append(loaded)
        for times in by_count.values():
            found += [abs(a - b) / (a + b) for a, b in pairwise(times)]
    return 2 * median(found) / (0.6745 * 2**0.5) if found else 0.0


def overheads(runs: list[Live]) -> dict[str, float]:
    """`host` is what a step of decodes takes in the engine beyond what it takes alone: no trend with their number."""
    extra: dict[tuple[int, int], list[float]] = {}
    for index, run in enumerate(runs):
        for plan, loaded, alone in run.steps:
            if not plan.work:
                extra.setdefault((index, len(plan.decode_seqs)), []).append(loaded - alone)
    middle = [median(values) for values in extra.values() if len(values) > 4]
    ways = [run.way for run in runs if run.way is not None]
    return {
        "step": mean(run.gap for run in runs),
        "host": max(0.0, median(middle)) if middle else 0.0,
        "sequence": 0.0,
        "layer": 0.0,
        "api": max(0.0, mean(ways)) if ways else 0.0,
    }
