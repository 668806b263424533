"""A model that tells of each operator it has run, whichever kernels run it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from ctypes import c_int32

from torch import Tensor

from doubletime.kernels.cpu import abi
from doubletime.models import AnyModel, Context, NativeModel, Operator, State

Tell = Callable[[int], None]


def watched(model: AnyModel, tell: Tell) -> AnyModel:
    """The model, calling `tell(depth)` when the operator that leads to `depth` has run."""
    twin = copy.copy(model)
    if isinstance(twin, NativeModel):
        twin.run = _one_by_one(twin.run, tell)  # type: ignore[method-assign]
    else:
        twin.operators = [_wrap(operator, depth, tell) for depth, operator in enumerate(twin.operators, start=1)]
    return twin


def _wrap(operator: Operator, depth: int, tell: Tell) -> Operator:
    def run(state: State, context: Context) -> State:
        out = operator(state, context)
        tell(depth)
        return out

    return run


Run = Callable[[State, Tensor, abi.Batch, tuple[int, int], c_int32], tuple[State, int]]


def _one_by_one(run: Run, tell: Tell) -> Run:
    """Each operator in a call of its own."""

    def each(state: State, work: Tensor, batch: abi.Batch, span: tuple[int, int], stop: c_int32) -> tuple[State, int]:
        for depth in range(*span):
            state, reached = run(state, work, batch, (depth, depth + 1), stop)
            if reached == depth:
                return state, depth
            tell(reached)
        return state, span[1]

    return each
