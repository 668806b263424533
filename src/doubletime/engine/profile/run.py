"""From nothing to a profile: the order of the measurements, and the JSON that `hardware.cpu` reads."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from doubletime.engine.profile import kernels as measure
from doubletime.engine.profile.fit import Observed, fit, observe
from doubletime.engine.profile.heldout import table_errors, whole_errors
from doubletime.engine.profile.live import Live, live, overheads, spread
from doubletime.engine.profile.steps import StepTimes, step_times
from doubletime.engine.profile.stopwatch import on_thread
from doubletime.engine.profile.subjects import QUICK, SUBJECTS, Config, shape_of
from doubletime.executors.torch_limits import available_memory
from doubletime.hardware.cpu.kernels import Kernels
from doubletime.hardware.cpu.profile import KIND, SCHEMA, TERMS, Profile
from doubletime.models.checkpoint import DTYPES
from doubletime.version import __version__

Tick = Callable[[str], object]  # hears what has just been done


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured. `loads`: (subject, users, requests, prompt, output) of the live engine.

    `thin`: of each axis of a table one value in so many.
    """

    subjects: dict[str, Config]
    thin: int
    rounds: int
    steps: int
    loads: tuple[tuple[str, int, int, int, int], ...]

    @property
    def stages(self) -> int:
        return 6 + len(self.subjects) + len(self.loads)


FULL = Effort(SUBJECTS, 1, 3, 40, (("small", 1, 12, 96, 48), ("small", 6, 40, 96, 48), ("wide", 5, 20, 64, 24)))
FAST = Effort(QUICK, 3, 1, 8, (("tiny", 1, 3, 32, 8), ("tiny", 3, 6, 32, 8)))


def profile(effort: Effort, dtype: str, threads: int, tick: Tick = lambda what: None) -> dict[str, Any]:
    """Measures for a few minutes. The result is what `hardware.cpu.load` takes."""
    torch.set_num_threads(threads)
    number = DTYPES[dtype]
    tables = _tables(effort, number, tick)
    peak = max(2 * m * n * k / seconds for m, n, k, seconds in tables["linear"])
    draft = replace(
        _draft(dtype, threads, tables, peak),
        cached=tuple(on_thread(lambda: measure.cached(number))),
        fresh=on_thread(measure.fresh),
    )
    tick("caches")
    kernels = Kernels(draft)
    observed = {name: _observe(kernels, own, number, effort, threads, tick) for name, own in effort.subjects.items()}
    draft = replace(draft, terms=_terms(list(observed.values())), errors=_errors(kernels, number, effort, observed))
    runs = [_live(load, effort, dtype, threads, tick) for load in effort.loads]
    return _json(replace(draft, engine=overheads(runs), jitter=spread(runs)))


def _tables(effort: Effort, number: torch.dtype, tick: Tick) -> dict[str, list[measure.Row]]:
    found = {}
    for name, rows in measure.TABLES.items():
        found[name] = on_thread(lambda rows=rows: rows(number, effort.rounds, effort.thin))  # type: ignore[misc]
        tick(name)
    return found


def _observe(
    kernels: Kernels, own: Config, number: torch.dtype, effort: Effort, threads: int, tick: Tick
) -> tuple[Config, list[StepTimes], Observed]:
    """Each model in a process of its own, because an allocator remembers what was run before."""
    shape = shape_of(own)
    with _process(threads) as pool:
        times = pool.submit(step_times, shape, number, effort.steps, effort.rounds).result()
    tick("steps")
    return own, times, observe(kernels, shape, times)


def _terms(observed: list[tuple[Config, list[StepTimes], Observed]]) -> dict[str, tuple[float, ...]]:
    rows = {name: [row for _, _, own in observed for row in own.get(name, [])] for name in TERMS}
    return {name: fit(found, kernels=2) if found else () for name, found in rows.items()}


def _errors(
    kernels: Kernels,
    number: torch.dtype,
    effort: Effort,
    observed: dict[str, tuple[Config, list[StepTimes], Observed]],
) -> dict[str, tuple[float, float]]:
    errors = on_thread(lambda: table_errors(kernels, number, effort.rounds))
    return errors | {"whole": whole_errors(list(observed.values()), _terms)}


def _live(load: tuple[str, int, int, int, int], effort: Effort, dtype: str, threads: int, tick: Tick) -> Live:
    subject, users, requests, prompt, output = load
    with _process(threads) as pool:
        found = pool.submit(live, effort.subjects[subject], dtype, users, requests, prompt, output).result()
    tick("engine")
    return found


@contextmanager
def _process(threads: int) -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=torch.set_num_threads, initargs=(threads,)) as pool:
        yield pool


def _draft(dtype: str, threads: int, tables: dict[str, list[measure.Row]], peak: float) -> Profile:
    """With nothing known yet but the tables."""
    return Profile(
        machine=_machine(dtype, threads),
        rows={name: tuple(rows) for name, rows in tables.items()},
        peak=peak,
        cached=((1.0, 1.0),),
        fresh=0.0,
        terms={},
        engine={},
        jitter=0.0,
        errors={"linear": (0.0, 0.0), "attention": (0.0, 0.0)},
    )


def _machine(dtype: str, threads: int) -> dict[str, Any]:
    cpu = _cpu()
    return {
        "name": f"{cpu} ({threads} thread{'s' if threads > 1 else ''}, {dtype})",
        "cpu": cpu,
        "cores": os.cpu_count() or 1,
        "memory": available_memory(),
        "threads": threads,
        "dtype": dtype,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "doubletime": __version__,
    }


def _cpu() -> str:
    """The processor's name as the system gives it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _json(found: Profile) -> dict[str, Any]:
    return {
        "kind": KIND,
        "schema": SCHEMA,
        "machine": found.machine | {"bandwidth": found.bandwidth},
        "tables": found.rows,
        "peak": found.peak,
        "cached": found.cached,
        "fresh": found.fresh,
        "terms": found.terms,
        "engine": found.engine,
        "jitter": found.jitter,
        "errors": found.errors,
    }
