"""What a run shows while it lasts, and whether the client was its bottleneck."""

from __future__ import annotations

import asyncio
import contextlib
import time

from doubletime.core.vocabulary import SECOND, SLO
from doubletime.lab.bench.drive import Measured
from doubletime.lab.bench.gauge import TICK, Gauge
from doubletime.lab.bench.pulse import pulse
from doubletime.lab.bench.strain import Strain
from doubletime.lab.percentiles import Tally
from doubletime.lab.result import Scores


class Screen:
    def __init__(self) -> None:
        self.said: list[str] = []
        self.ended = 0

    def advance(self) -> None:
        self.ended += 1

    def say(self, text: str) -> None:
        self.said.append(text)


def test_a_line_tells_speed_load_and_first_tokens() -> None:
    screen = Screen()
    gauge = Gauge(screen, 0)
    gauge.look(TICK - 1, 2)
    assert screen.said == []
    gauge.tokens(100)
    gauge.look(TICK, 2)
    for ttft in (1, 2, 9):
        gauge.first(ttft * SECOND)
    gauge.ended()
    gauge.look(2 * TICK, 5)
    assert screen.said == ["200 tokens/s · 2 in flight", "100 tokens/s · 5 in flight · TTFT p50 2.000 s"]
    assert screen.ended == 1


def test_the_speed_is_that_of_the_last_seconds() -> None:
    screen = Screen()
    gauge = Gauge(screen, 0)
    gauge.tokens(10_000)
    for tick in range(1, 30):
        gauge.look(tick * TICK, 0)
    assert screen.said[0].startswith("20,000 tokens/s")
    assert screen.said[-1].startswith("0 tokens/s")


class Target:
    """Only its lag is asked for."""

    def __init__(self, lag: Tally | None) -> None:
        self.lag = lambda: lag


def strain(cpu: float, sending: float, reading: float | None) -> Strain:
    measured = Measured(Scores(SLO()), 0, cpu=cpu)
    measured.lag.add(round(sending * SECOND))
    lag = None if reading is None else Tally()
    if lag is not None and reading is not None:
        lag.add(round(reading * SECOND))
    return Strain.of(measured, Target(lag))  # type: ignore[arg-type]


def test_a_client_at_ease_is_silent() -> None:
    assert list(strain(0.3, 0.001, 0.002).warnings()) == []


def test_late_sending_late_reading_and_a_busy_core_are_told() -> None:
    assert "late itself (p99 0.050 s)" in next(strain(0.1, 0.05, 0.0).warnings())
    assert "late itself (p99 0.070 s)" in next(strain(0.1, 0.0, 0.07).warnings())
    assert "used 95% of the one core" in next(strain(0.95, 0.0, 0.0).warnings())


def test_an_engine_in_the_same_process_uses_the_cpu_rightly() -> None:
    assert strain(1.9, 0.0, None) == Strain(0.0, None)


def test_a_loop_that_is_held_up_shows() -> None:
    lag = Tally()

    async def held_up() -> None:
        task = asyncio.create_task(pulse(lag))
        await asyncio.sleep(0)
        time.sleep(0.1)
        await asyncio.sleep(0.03)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(held_up())
    summary = lag.summary()
    assert summary is not None
    assert summary["max"] > 0.05
