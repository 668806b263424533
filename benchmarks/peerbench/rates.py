"""Decode and prefill rates, alone and beside a process that burns a core; peak memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.peerbench.engines.engine import Engine
from benchmarks.peerbench.points import NEW_TOKENS, SHORT, Model, Point, Precision
from benchmarks.peerbench.rounds import Measure

BUSY = Point("decode", 8, SHORT)
_BURN = "while True: pass"
_BITS: dict[Precision, float] = {"32": 32, "16": 16, "8": 8.5, "4": 4.5}  # with a 16-bit scale for 32 weights


def measure_rates(points: Sequence[Point]) -> Measure:
    """Tokens/s of each point."""

    def measure(engine: Engine, model: Model, precision: Precision) -> Iterator[tuple[str, float, str, bool]]:
        rates = engine.rates(model, precision, points).values
        for point in points:
            yield point.label, rates[point], "tokens/s", True

    return measure


def measure_busy(engine: Engine, model: Model, precision: Precision) -> Iterator[tuple[str, float, str, bool]]:
    """Decode with the machine to itself, and the share of it that is left beside one other busy process."""
    free = engine.rates(model, precision, [BUSY]).values[BUSY]
    with another_process():
        busy = engine.rates(model, precision, [BUSY]).values[BUSY]
    yield BUSY.label, free, "tokens/s", True
    yield "left beside a busy process", busy / free, "share", True


def measure_memory(engine: Engine, model: Model, precision: Precision) -> Iterator[tuple[str, float, str, bool]]:
    """The peak of a process that loads the model and decodes 8 sequences, and what of it is not weights or KV."""
    peak = engine.rates(model, precision, [BUSY]).peak_bytes
    yield "peak memory", peak / 1e6, "MB", False
    yield "of it beyond weights and KV", (peak - needed(model, precision)) / 1e6, "MB", False


def needed(model: Model, precision: Precision) -> int:
    """Bytes of the weights at a precision, and of these sequences' keys and values at 16 bit."""
    weights = (model.folder / "model.safetensors").stat().st_size * _BITS[precision] / 16
    return round(weights + BUSY.batch * (BUSY.context + NEW_TOKENS) * model.kv_values * 2)


@contextmanager
def another_process() -> Iterator[None]:
    """One process that never waits: it uses a whole core if it gets one."""
    with subprocess.Popen([sys.executable, "-c", _BURN]) as other:
        try:
            yield
        finally:
            other.kill()
