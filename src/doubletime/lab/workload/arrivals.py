"""When sessions start: endless streams of times in nanoseconds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

from doubletime.core.vocabulary import SECOND, Nanoseconds
from doubletime.lab.workload.dice import Dice, Stream


def constant(rate: float) -> Iterator[Nanoseconds]:
    """One every 1 / rate seconds."""
    number = 0
    while True:
        yield round(number / rate * SECOND)
        number += 1


def poisson(rate: float, seed: int) -> Iterator[Nanoseconds]:
    """Exponential gaps with mean 1 / rate seconds."""
    dice, now = Dice(seed, Stream.ARRIVAL), 0.0
    while True:
        now += dice.exponential(1 / rate)
        yield round(now * SECOND)


def gamma(rate: float, cv: float, seed: int) -> Iterator[Nanoseconds]:
    """Gamma gaps with mean 1 / rate seconds and this coefficient of variation: more than 1 is bursty."""
    dice, shape, now = Dice(seed, Stream.ARRIVAL), 1 / cv**2, 0.0
    while True:
        now += dice.gamma(shape) / shape / rate
        yield round(now * SECOND)


def bursty(rate: float, on: float, off: float, seed: int) -> Iterator[Nanoseconds]:
    """Phases of exponential length, `on` and `off` seconds on average; Poisson while on, nothing while off.

    `rate` is the mean over both.
    """
    dice, phases = Dice(seed, Stream.ARRIVAL), Dice(seed, Stream.ARRIVAL, 1)
    gap = on / (rate * (on + off))
    now, ends = 0.0, phases.exponential(on)
    while True:
        now += dice.exponential(gap)
        while now > ends:  # what is left of the gap goes on in the next phase: exponential gaps have no memory
            pause = phases.exponential(off)
            now, ends = now + pause, ends + pause + phases.exponential(on)
        yield round(now * SECOND)


def at_once() -> Iterator[Nanoseconds]:
    return repeat(0)
