"""What flows between operators, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from doubletime.kernels.layout import Layout
from doubletime.shapes import Rope


@dataclass(frozen=True, slots=True)
class State:
    """Rows between two operators: the residual stream [T, hidden], and what the next operator needs beside it.

    Every tensor's first dimension is the row, so states at one depth can be cut and joined by rows.
    """

    hidden: Tensor
    extra: tuple[Tensor, ...] = ()

    @property
    def rows(self) -> int:
        return self.hidden.shape[0]

    def take(self, first: int, last: int) -> State:
        """Rows [first, last), as views."""
        return State(self.hidden[first:last], tuple(tensor[first:last] for tensor in self.extra))

    def copy(self) -> State:
        """The same rows in memory of their own."""
        return State(self.hidden.clone(), tuple(tensor.clone() for tensor in self.extra))


def join(states: Sequence[State]) -> State:
    """The rows of states at the same depth, one after the other."""
    if len(states) == 1:
        return states[0]
    columns = zip(*(state.extra for state in states), strict=True)
    return State(torch.cat([state.hidden for state in states]), tuple(torch.cat(column) for column in columns))


@dataclass(frozen=True, slots=True)
class Context:
    """What all operators of one pass over T rows share: where KV lives, and the rotary tables."""

    layouts: tuple[Layout, ...]  # by KV group
    caches: tuple[Tensor, ...]  # by KV group: [layers of the group, 2, kv heads, slots, head dim]
    ropes: dict[Rope, tuple[Tensor, Tensor]]


Operator = Callable[[State, Context], State]
