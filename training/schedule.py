"""The curriculum: which contexts each share of the run sees, and the learning rate along it."""

from __future__ import annotations

import random
from dataclasses import dataclass

Shape = tuple[int, int]  # rows, time


@dataclass(frozen=True, slots=True)
class Stage:
    """Batch shapes until the progress `until`; one recall shape is drawn for each step."""

    until: float
    code: Shape
    help: Shape
    recall: tuple[Shape, ...]


CURRICULUM = (
    Stage(0.10, (2, 256), (8, 256), ((8, 128), (4, 256))),
    Stage(0.30, (4, 256), (10, 256), ((4, 128), (2, 256), (1, 512))),
    Stage(0.50, (2, 256), (12, 256), ((1, 256), (1, 512), (1, 512), (1, 2048))),
    Stage(0.60, (2, 256), (12, 256), ((1, 512), (1, 512), (1, 512), (1, 2048), (1, 3840))),
    Stage(0.72, (8, 256), (8, 256), ((1, 512), (1, 512), (1, 512), (1, 2048), (1, 3840))),
    Stage(0.91, (2, 256), (12, 256), ((1, 512), (1, 512), (1, 512), (1, 1024), (1, 2048))),
    Stage(1.01, (2, 256), (8, 256), ((4, 256), (2, 512), (1, 1024))),
)

# A draft model speculates a few tokens ahead of short prompts: no long contexts.
SHORT = Stage(1.01, (4, 256), (6, 256), ((1, 256),))


def stage(progress: float) -> Stage:
    return next(s for s in CURRICULUM if progress < s.until)


def recall_shape(current: Stage, rng: random.Random) -> Shape:
    return rng.choice(current.recall)


def rate(progress: float, step: int, warmup: int = 60, decay_from: float = 0.4, floor: float = 0.02) -> float:
    """Multiplier of the learning rates: warm up, hold, then decay linearly."""
    decayed = 1.0 if progress < decay_from else floor + (1 - floor) * (1 - progress) / (1 - decay_from)
    return min(1.0, (step + 1) / warmup) * max(floor, decayed)


def circuit_rate(progress: float) -> float:
    """Further multiplier for the circuit of `initial.py`: it must survive the first steps; the end refines it."""
    return 0.05 if progress < CURRICULUM[-2].until else 0.5
