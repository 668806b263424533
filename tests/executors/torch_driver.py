"""Drives a TorchExecutor by hand-made plans: hands out blocks, slides windows, waits for each answer."""

from __future__ import annotations

import queue
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch

from doubletime.core.plan import Copy, Plan, TableChange
from doubletime.core.vocabulary import Limits, Slab
from doubletime.decoding.sampling import Sampling
from doubletime.executors.output import StepOutput
from doubletime.executors.torch_executor import TorchExecutor
from doubletime.models import AnyModel, NativeModel, load_checkpoint
from doubletime.models.load import open_source
from doubletime.shapes import depth_map, kv_groups
from tests.checkpoints import checkpoint

torch.set_num_threads(1)
GREEDY = Sampling(temperature=0)
BLOCK, NATIVE_BLOCK = 4, 16
KERNELS = ("torch", "native")


@cache
def model_of(name: str, kernels: str = "torch") -> AnyModel:
    if kernels == "native":
        return NativeModel(open_source(str(checkpoint(name)), "float32"))
    return load_checkpoint(checkpoint(name))


@dataclass
class Tables:
    """Block lists by (sequence, group), and a free list a group."""

    free: list[list[int]]
    lists: dict[tuple[int, int], list[int]] = field(default_factory=dict)


class Driver:
    """One executor. Every freed block is poisoned, so that a stale read fails the step."""

    def __init__(self, name: str, blocks: int = 64, model: AnyModel | None = None) -> None:
        self.model = model or model_of(name)
        self.block = NATIVE_BLOCK if isinstance(self.model, NativeModel) else BLOCK
        self.groups = kv_groups(self.model.shape, self.block)
        depth = depth_map(self.model.shape)
        self.total = depth.total
        self.limits = Limits(self.groups, (blocks,) * len(self.groups), depth, max_seats=32, max_rows=512)
        self.answers: queue.Queue[StepOutput] = queue.Queue()
        self.executor = TorchExecutor(self.model, self.limits, self.answers.put, poison=True)
        self.tables = Tables([list(range(blocks)) for _ in self.groups])
        self.pending: dict[str, list[Any]] = {"tables": [], "frees": [], "copies": [], "ends": [], "drops": []}
        self.steps = 0
        self.generation = 0

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        self.executor.close()

    def admit(self, seq: int, tokens: Sequence[int], sampling: Sampling = GREEDY) -> None:
        self.executor.admit(seq, tokens, sampling)

    def slab(self, seq: int, start: int, tokens: int, top: int = 0, bottom: int = -1, samples: int = 0) -> Slab:
        return Slab(seq, start, tokens, top, self.total if bottom < 0 else bottom, samples)

    def grow(self, seq: int, end: int) -> None:
        """Blocks for positions up to `end`."""
        for g in range(len(self.groups)):
            own = self.tables.lists.setdefault((seq, g), [])
            at, need = len(own), -(-end // self.block) - len(own)
            if need > 0:
                own += [self.tables.free[g].pop() for _ in range(need)]
                self.pending["tables"].append(TableChange(seq, g, at, tuple(own[at:])))

    def slide(self, seq: int, done: int) -> None:
        """Frees the blocks that no token from `done` on reads."""
        for g, group in enumerate(self.groups):
            first = max(0, done - group.window + 1) // self.block if group.window else 0
            own = self.tables.lists[seq, g]
            gone = [block for block in own[:first] if block >= 0]
            if gone:
                own[:first] = [-1] * first
                self.pending["tables"].append(TableChange(seq, g, 0, tuple(own)))
                self._free(g, gone)

    def end(self, seq: int) -> None:
        self.pending["ends"].append(seq)
        for g in range(len(self.groups)):
            self._free(g, [block for block in self.tables.lists.pop((seq, g), []) if block >= 0])

    def share(self, parent: int, child: int) -> None:
        """The child starts with the parent's blocks."""
        for g in range(len(self.groups)):
            own = self.tables.lists[child, g] = list(self.tables.lists[parent, g])
            self.pending["tables"].append(TableChange(child, g, 0, tuple(own)))

    def copy_block(self, seq: int, at: int) -> None:
        """Copy on write of block `at`."""
        for g in range(len(self.groups)):
            own = self.tables.lists[seq, g]
            source, own[at] = own[at], self.tables.free[g].pop()
            self.pending["copies"].append(Copy(g, source, own[at]))
            self.pending["tables"].append(TableChange(seq, g, at, tuple(own[at:])))

    def plan(self, *slabs: Slab, generation: int | None = None) -> Plan:
        for slab in slabs:
            self.grow(slab.seq, slab.end)
        decodes = [slab for slab in slabs if self._is_decode(slab)]
        plan = Plan(
            self.steps,
            0,
            self.generation if generation is None else generation,
            tuple(slab.seq for slab in decodes),
            tuple(slab.start for slab in decodes),
            tuple(slab for slab in slabs if not self._is_decode(slab)),
            self.total,
            **{name: tuple(values) for name, values in self.pending.items()},
        )
        self.pending = {name: [] for name in self.pending}
        self.steps += 1
        return plan

    def send(self, *slabs: Slab, generation: int | None = None) -> None:
        self.executor.dispatch(self.plan(*slabs, generation=generation))

    def answer(self) -> StepOutput:
        output = self.answers.get(timeout=60)
        self.generation += output.reached is not None
        return output

    def step(self, *slabs: Slab) -> StepOutput:
        """One plan, and its answer, which must be no error."""
        self.send(*slabs)
        output = self.answer()
        assert output.error is None, output.error
        return output

    def decode(self, seq: int, start: int, count: int) -> list[int]:
        """`count` decodes, the first of which computes position `start`."""
        tokens = []
        for at in range(start, start + count):
            tokens.append(self.step(self.slab(seq, at, 1, samples=1)).sampled[0].token)
            self.slide(seq, at + 1)
        return tokens

    def _is_decode(self, slab: Slab) -> bool:
        return slab.tokens == 1 and slab.top == 0 and slab.bottom == self.total and slab.samples == 1

    def _free(self, group: int, blocks: list[int]) -> None:
        lists = [own for (_, g), own in self.tables.lists.items() if g == group]
        blocks = [block for block in blocks if not any(block in own for own in lists)]
        self.tables.free[group] = blocks + self.tables.free[group]
        self.pending["frees"] += [(group, block) for block in blocks]


def token_of(output: StepOutput, seq: int) -> int:
    """The token sampled for `seq`."""
    return next(sampled.token for sampled in output.sampled if sampled.seq == seq)
