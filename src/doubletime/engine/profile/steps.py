"""Real steps of the torch executor on made-up plans, each operator timed where it runs.

In a step an operator finds the caches as the others left them, and calls that are short cost more than in a loop of
their own. So everything beside the kernels that have tables is measured here.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch

from doubletime.core.plan import Plan, TableChange
from doubletime.core.vocabulary import Limits, Slab
from doubletime.decoding.sampling import Sampling
from doubletime.engine.profile.stopwatch import now, on_thread
from doubletime.executors.stops import Stops
from doubletime.executors.torch_limits import limits_for
from doubletime.executors.torch_runner import TorchRunner
from doubletime.models import Context, Model, Operator, State, random_model
from doubletime.shapes import ModelShape, parameters

_SEATS = 48
_KV_MEMORY = 300_000_000
_WORK = 2.5e10  # floating-point operations of the largest step

Slabs = tuple[tuple[int, ...], tuple[tuple[int, int], ...]]


class StepTimes(NamedTuple):
    """Seconds of one step: before the first operator, of each operator, and after the last."""

    plan: Plan
    begin: float
    operators: tuple[float, ...]
    end: float


@dataclass(frozen=True, slots=True)
class Outline:
    """A step: positions of its decodes, (start, tokens) of its prefills."""

    starts: tuple[int, ...]
    chunks: tuple[tuple[int, int], ...]


def outlines(shape: ModelShape, count: int, longest: int, seed: int = 0) -> list[Outline]:
    """Decodes alone, prefills alone and both, of sizes spread evenly in octaves."""
    dice = random.Random(seed)
    most = max(16, int(min(_WORK / (2 * parameters(shape)), 700, longest / 2)))
    kinds = ("decodes", "decodes", "prefill", "both")
    return [_outline(dice, kinds[at % len(kinds)], most, longest) for at in range(count)]


def _outline(dice: random.Random, kind: str, most: int, longest: int) -> Outline:
    starts: list[int] = []
    if kind != "prefill":
        context = 24 * 2 ** dice.uniform(0, 5)
        count = round(2 ** dice.uniform(0, 4.6))
        starts = [min(longest - 2, max(4, int(context * dice.uniform(0.5, 1.6)))) for _ in range(count)]
    chunks: list[tuple[int, int]] = []
    if kind != "decodes":
        for _ in range(dice.choice((1, 1, 2, 3))):
            tokens = min(most, int(6 * 2 ** dice.uniform(0, 6.9)))
            before = min(dice.choice((0, 0, 16, 16)) * dice.randint(1, 20), longest - tokens - 2)
            chunks.append((max(0, before), tokens))
    return Outline(tuple(starts), tuple(chunks))


def step_times(shape: ModelShape, dtype: torch.dtype, count: int, rounds: int) -> list[StepTimes]:
    """Median times of `count` made-up steps, each run `rounds` times after one round to warm up."""
    model = random_model(shape, dtype)
    limits = limits_for(model, kv_memory=_KV_MEMORY, max_length=min(1024, shape.max_position))
    return on_thread(lambda: _Laboratory(model, limits).run(outlines(shape, count, limits.max_length), rounds))


class _Laboratory:
    """A runner whose operators are timed, with sequences that are always long enough."""

    def __init__(self, model: Model, limits: Limits) -> None:
        self._length = limits.max_length
        self._stamps: list[int] = []
        self._depth = limits.depth.total
        model.operators = [self._timed(operator) for operator in model.operators]
        self._runner = TorchRunner(model, limits)
        self._tables = _tables(limits, self._length)
        self._steps = 0
        dice = random.Random(0)
        for seq in range(_SEATS):
            tokens = [dice.randrange(model.shape.vocab) for _ in range(self._length)]
            self._runner.ledger.admit(seq, tokens, Sampling(temperature=0))

    def run(self, steps: list[Outline], rounds: int) -> list[StepTimes]:
        order = list(range(len(steps)))
        times: dict[int, list[StepTimes]] = {at: [] for at in order}
        for turn in range(rounds + 1):
            random.Random(turn).shuffle(order)
            for at in order:
                measured = self._step(steps[at])
                if turn:
                    times[at].append(measured)
        return [_median(times[at]) for at in range(len(steps))]

    def _step(self, outline: Outline) -> StepTimes:
        plan = self._plan(outline)
        plan.slabs  # noqa: B018  computed once, by the engine's thread
        self._stamps = []
        began = now()
        output = self._runner.run(plan, Stops())
        ended = now()
        if output.error:
            raise RuntimeError(f"a step of the profile failed: {output.error}")
        self._restore(plan)
        marks = self._stamps
        operators = tuple((marks[at + 1] - marks[at]) / 1e9 for at in range(0, len(marks), 2))
        return StepTimes(plan, (marks[0] - began) / 1e9, operators, (ended - marks[-1]) / 1e9)

    def _plan(self, outline: Outline) -> Plan:
        seqs, tables = tuple(range(len(outline.starts))), self._tables
        last = range(_SEATS - 1, 0, -1)
        work = tuple(
            Slab(seq, start, tokens, 0, self._depth, 1)
            for seq, (start, tokens) in zip(last, outline.chunks)  # noqa: B905
        )
        self._tables, self._steps = (), self._steps + 1
        return Plan(
            self._steps, 0, decode_seqs=seqs, decode_starts=outline.starts, work=work, depth=self._depth, tables=tables
        )

    def _restore(self, plan: Plan) -> None:
        """What was sampled cut the sequences short."""
        ledger = self._runner.ledger
        for slab in plan.slabs:
            ledger.append(slab.seq, [0] * (self._length - slab.end - 1))

    def _timed(self, operator: Operator) -> Operator:
        def timed(state: State, context: Context) -> State:
            began = now()
            result = operator(state, context)
            self._stamps += (began, now())
            return result

        return timed


def _tables(limits: Limits, length: int) -> tuple[TableChange, ...]:
    """Blocks for every sequence, from all over the cache, as they lie after a while of serving.

    Where there are too few, sequences share them.
    """
    changes = []
    for number, (group, count) in enumerate(zip(limits.groups, limits.blocks, strict=True)):
        order = list(range(count))
        random.Random(number).shuffle(order)
        own = -(-length // group.block_tokens)
        changes += [
            TableChange(seq, number, 0, tuple(order[(seq * own + at) % count] for at in range(own)))
            for seq in range(_SEATS)
        ]
    return tuple(changes)


def _median(times: list[StepTimes]) -> StepTimes:
    """Each part's own median."""
    middle: Callable[[list[float]], float] = lambda values: sorted(values)[len(values) // 2]  # noqa: E731
    operators = tuple(middle(list(column)) for column in zip(*(one.operators for one in times), strict=True))
    return StepTimes(times[0].plan, middle([t.begin for t in times]), operators, middle([t.end for t in times]))
