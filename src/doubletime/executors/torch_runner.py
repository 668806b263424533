"""Carries out one plan after the other on the calling thread: bookkeeping, slabs, sampling."""

from __future__ import annotations

import time
from collections.abc import Container, Sequence

import torch

from doubletime.core.plan import Plan
from doubletime.core.vocabulary import Limits, Slab
from doubletime.decoding.readout import Readout
from doubletime.decoding.sampling import Sampling
from doubletime.decoding.sampling_torch import sample
from doubletime.executors.allocator import keep_freed_memory
from doubletime.executors.block_tables import BlockTable
from doubletime.executors.device import is_lost
from doubletime.executors.forward import forward_of
from doubletime.executors.kv_cache import KVCache
from doubletime.executors.ledger import Ledger
from doubletime.executors.output import Sampled, StepOutput
from doubletime.executors.readouts import Readouts
from doubletime.executors.stops import Stops
from doubletime.executors.walk import Bundle, Walker
from doubletime.models import AnyModel, NativeModel


class TorchRunner:
    """The state that plans change. A sequence whose step failed is dead: its slabs are skipped until it ends."""

    def __init__(self, model: AnyModel, limits: Limits, poison: bool = False) -> None:
        if limits.depth.total != model.depth:
            raise ValueError(f"limits are for depth {limits.depth.total}; the model has {model.depth}")
        if model.device.type == "cpu":
            keep_freed_memory()
        self.model = model
        self.ledger = Ledger()
        self.cache = KVCache(model, limits.groups, limits.blocks, poison)
        self.tables = tuple(BlockTable(group) for group in limits.groups)
        self.walker = Walker(forward_of(model, self.cache, self.tables), self.ledger)
        self.readouts = Readouts(model)
        self.stops = 0
        self.dead: set[int] = set()

    def admit(self, seq: int, tokens: Sequence[int], sampling: Sampling, readout: Readout | None) -> None:
        """Makes a sequence known."""
        self.ledger.admit(seq, tokens, sampling)
        if readout is not None:
            self.readouts.admit(seq, tokens, readout)

    def run(self, plan: Plan, stops: Stops) -> StepOutput:
        """One step, whatever happens in it."""
        began = time.perf_counter_ns()
        try:
            output = self._run(plan, stops)
        except Exception as error:
            self._fail(plan)
            told = f"{type(error).__name__}: {error}"
            output = StepOutput(plan.step, 0, error=told, lost=is_lost(self.model.device))
        return output._replace(duration_ns=time.perf_counter_ns() - began)

    def _run(self, plan: Plan, stops: Stops) -> StepOutput:
        self._apply(plan)
        if plan.generation < self.stops:
            return StepOutput(plan.step, 0, revoked=True)
        slabs = [slab for slab in plan.slabs if slab.seq not in self.dead]
        through, reached = self.walker.walk(slabs, stops)
        self.stops += reached is not None
        prompts = self.readouts.take(through)
        sampled = self._sample(through)
        if self.model.device.type == "cuda":
            torch.cuda.synchronize(self.model.device)
        return StepOutput(plan.step, 0, reached, sampled=sampled, prompts=prompts)

    def _apply(self, plan: Plan) -> None:
        """The plan's bookkeeping, in its order."""
        for seq in plan.ends:
            self._forget(seq)
        for seq in plan.drops:
            self.walker.open.pop(seq, None)
        self.cache.free(plan.frees)
        for seq, group, at, blocks in plan.tables:
            self.tables[group].change(seq, at, blocks)
        self.cache.copy(plan.copies)

    def _forget(self, seq: int) -> None:
        self.ledger.forget(seq)
        self.readouts.forget(seq)
        self.dead.discard(seq)
        self.walker.open.pop(seq, None)
        for table in self.tables:
            table.forget(seq)

    def _fail(self, plan: Plan) -> None:
        for slab in plan.slabs:
            self.dead.add(slab.seq)
            self.walker.open.pop(slab.seq, None)

    def _sample(self, through: list[Bundle]) -> tuple[Sampled, ...]:
        """Draws a token for every slab that samples, and enters it in the ledger."""
        slabs, rows = _last_rows(through, self.readouts.silent)
        if not slabs:
            return ()
        hidden = rows[0] if len(rows) == 1 else torch.cat(rows)
        if self.cache.poison and not bool(hidden.isfinite().all()):
            raise FloatingPointError("a hidden state is not finite: a freed block was read, or the model overflows")
        samplings = [self.ledger.sampling(slab.seq) for slab in slabs]
        histories = [self.ledger.history(slab.seq, slab.end) for slab in slabs]
        native = isinstance(self.model, NativeModel)
        draws = sample(self.model.logits(hidden), samplings, [slab.end for slab in slabs], histories, native=native)
        for slab, draw in zip(slabs, draws, strict=True):
            self.ledger.put(slab.seq, slab.end, draw.token)
        return tuple(Sampled(slab.seq, *draw) for slab, draw in zip(slabs, draws, strict=True))


def _last_rows(bundles: list[Bundle], silent: Container[int]) -> tuple[list[Slab], list[torch.Tensor]]:
    """The slabs that sample, and the hidden rows of their last tokens, bundle by bundle; none of silent sequences."""
    slabs: list[Slab] = []
    rows: list[torch.Tensor] = []
    for bundle in bundles:
        first, picked = 0, []
        for slab in bundle.slabs:
            first += slab.tokens
            if slab.samples and slab.seq not in silent:
                picked.append(first - 1)
                slabs.append(slab)
        hidden = bundle.state.hidden
        whole = len(picked) == bundle.state.rows
        rows.append(hidden if whole else hidden[torch.tensor(picked, dtype=torch.int64, device=hidden.device)])
    return slabs, rows
