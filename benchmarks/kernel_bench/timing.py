"""Time of a call that takes microseconds."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter

_SAMPLE = 2e-3  # seconds: calls are timed in bundles that take about as long


def seconds_per_call(call: Callable[[], object], budget: float) -> float:
    """The median over bundles of calls, for about `budget` seconds."""
    call()
    began = perf_counter()
    call()
    bundle = max(1, int(_SAMPLE / (perf_counter() - began)))
    end = perf_counter() + budget
    samples: list[float] = []
    while not samples or perf_counter() < end:
        began = perf_counter()
        for _ in range(bundle):
            call()
        samples.append((perf_counter() - began) / bundle)
    return median(samples)
