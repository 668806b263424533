"""Draws from distributions, by counter: the same seed and stream give the same numbers on any machine."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from enum import IntEnum
from itertools import accumulate
from statistics import NormalDist

from doubletime.core.rng import Purpose, uniform

_NORMAL = NormalDist()


class Stream(IntEnum):
    """What is drawn; adding a draw to one stream leaves the others as they are."""

    ARRIVAL = 1
    PROMPT = 2
    OUTPUT = 3
    THINK = 4
    TURNS = 5
    PREFIX = 6
    TENANT = 7
    CLASS = 8
    PAIR = 9
    MORE = 10


class Dice:
    """One stream of random numbers. `branch` tells apart the many of a kind (clients of a service)."""

    def __init__(self, seed: int, stream: Stream, branch: int = 0) -> None:
        self._seed = seed
        self._stream = branch << 8 | stream
        self._count = 0

    def uniform(self) -> float:
        """In (0, 1)."""
        self._count += 1
        return uniform(self._seed, self._stream, self._count, Purpose.LENGTH) + 2.0**-54

    def below(self, count: int) -> int:
        """A whole number from 0 to count - 1."""
        return min(count - 1, int(self.uniform() * count))

    def exponential(self, mean: float) -> float:
        return -mean * math.log(self.uniform())

    def normal(self) -> float:
        return _NORMAL.inv_cdf(self.uniform())

    def gamma(self, shape: float) -> float:
        """Of scale 1 (Marsaglia and Tsang 2000; shapes below 1 by their boost)."""
        if shape < 1:
            return self.gamma(shape + 1) * math.exp(math.log(self.uniform()) / shape)
        d = shape - 1 / 3
        while True:
            x = self.normal()
            v = (1 + x / math.sqrt(9 * d)) ** 3
            if v > 0 and math.log(self.uniform()) < 0.5 * x * x + d - d * v + d * math.log(v):
                return d * v

    def weibull(self, shape: float) -> float:
        """Of scale 1."""
        return float((-math.log(self.uniform())) ** (1 / shape))


class Weighted:
    """One of several, by weights."""

    def __init__(self, weights: Sequence[float]) -> None:
        if not weights or min(weights) < 0 or not sum(weights):
            raise ValueError(f"weights must be positive numbers, not {list(weights)}")
        self._sums = list(accumulate(weights))

    def draw(self, dice: Dice) -> int:
        """The index of the one drawn."""
        return min(len(self._sums) - 1, bisect_left(self._sums, dice.uniform() * self._sums[-1]))
