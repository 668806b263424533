"""A model's forward pass over slabs: in torch, or by the native kernels."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Protocol

import torch

from doubletime.core.vocabulary import Slab
from doubletime.executors.arena import Arena
from doubletime.executors.batch import Target, layout_of, positions_of
from doubletime.executors.block_tables import BlockTable
from doubletime.executors.kv_cache import KVCache
from doubletime.executors.native_batch import NativeBatch
from doubletime.executors.stops import Stops
from doubletime.models import AnyModel, Context, Model, NativeModel, State


class Forward(Protocol):
    """What takes rows through the depth of a model."""

    @property
    def depth(self) -> int: ...

    def begin(self) -> None:
        """A new step: states of the last one that were not copied are void."""
        ...

    def embed(self, tokens: list[int]) -> State:
        """The state of these tokens at depth 0."""
        ...

    def run(self, slabs: Sequence[Slab], state: State, top: int, bottom: int, stops: Stops) -> tuple[State, int]:
        """Operators [top, bottom) over the rows of `slabs`, unless it is stopped. Returns the depth reached too."""
        ...


class TorchForward:
    """Operator after operator, through torch."""

    def __init__(self, model: Model, cache: KVCache, tables: tuple[BlockTable, ...]) -> None:
        self._model = model
        self._cache = cache
        self._tables = tables

    @property
    def depth(self) -> int:
        return self._model.depth

    def begin(self) -> None:
        """Torch's states have memory of their own."""

    def embed(self, tokens: list[int]) -> State:
        return self._model.embed(torch.tensor(tokens, device=self._model.device))

    def run(self, slabs: Sequence[Slab], state: State, top: int, bottom: int, stops: Stops) -> tuple[State, int]:
        context, depth = self._context(slabs), top
        while depth < bottom and not stops:
            state = self._model.operators[depth](state, context)
            depth += 1
        return state, depth

    def _context(self, slabs: Sequence[Slab]) -> Context:
        positions = positions_of(slabs)
        target = Target(self._model.dtype, self._model.device)
        layouts = tuple(
            layout_of(slabs, positions, table, self._cache.padding_slot(group), target)
            for group, table in enumerate(self._tables)
        )
        return self._model.context(positions.to(target.device), layouts, self._cache.tensors)


class NativeForward:
    """All operators in one call."""

    def __init__(self, model: NativeModel, cache: KVCache, tables: tuple[BlockTable, ...]) -> None:
        self._model = model
        self._batch = NativeBatch(model, cache, tables)
        self._hidden, self._work = Arena(model.shape.hidden), Arena(model.work_width)

    @property
    def depth(self) -> int:
        return self._model.depth

    def begin(self) -> None:
        self._hidden.begin()
        self._work.begin()

    def embed(self, tokens: list[int]) -> State:
        return self._model.embed(array("q", tokens), self._hidden.take(len(tokens)))

    def run(self, slabs: Sequence[Slab], state: State, top: int, bottom: int, stops: Stops) -> tuple[State, int]:
        work = self._work.take(state.rows)
        return self._model.run(state, work, self._batch.of(slabs), (top, bottom), stops.flag)


def forward_of(model: AnyModel, cache: KVCache, tables: tuple[BlockTable, ...]) -> Forward:
    """The forward pass of this kind of model."""
    if isinstance(model, NativeModel):
        return NativeForward(model, cache, tables)
    return TorchForward(model, cache, tables)
