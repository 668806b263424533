"""The attention block, as three operators: project, attend, output."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from doubletime.kernels.reference import apply_rope, attend, write_kv
from doubletime.models.norm import Norm, norm
from doubletime.models.state import Context, Operator, State
from doubletime.models.weights import Weights
from doubletime.shapes import ModelShape, Rope


@dataclass(frozen=True, slots=True)
class Place:
    """Where a layer keeps its KV: the group, and which of the group's layers it is."""

    group: int
    index: int

    def cache(self, context: Context) -> Tensor:
        """This layer's cache [2, kv heads, slots, head dim]."""
        return context.caches[self.group][self.index]


class Attention:
    """Causal attention with grouped queries. `before` is the norm at its entry, `after` (if any) at its exit."""

    def __init__(
        self, weights: Weights, shape: ModelShape, rope: Rope, place: Place, before: Norm, after: Norm | None = None
    ) -> None:
        own = weights.under("self_attn")
        self.query, self.key, self.value, self.out = (own.linear(f"{name}_proj") for name in "qkvo")
        self.query_norm = norm(own, "q_norm", shape) if shape.qk_norm else None
        self.key_norm = norm(own, "k_norm", shape) if shape.qk_norm else None
        self.before, self.after = before, after
        self.head_dim, self.scale = shape.head_dim, shape.scale
        self.rope, self.place = rope, place

    @property
    def operators(self) -> list[Operator]:
        return [self.project, self.attend, self.output]

    def project(self, state: State, context: Context) -> State:
        """Hidden rows → queries [T, heads, head dim]; keys and values go to the cache."""
        x, table = self.before(state.hidden), context.ropes[self.rope]
        query = apply_rope(self._heads(self.query(x), self.query_norm), table)
        key = apply_rope(self._heads(self.key(x), self.key_norm), table)
        value = self._heads(self.value(x), None)
        write_kv(self.place.cache(context), key, value, context.layouts[self.place.group].write)
        return State(state.hidden, (query,))

    def attend(self, state: State, context: Context) -> State:
        """Queries → what they attend to, [T, heads × head dim]."""
        layout = context.layouts[self.place.group]
        return State(state.hidden, (attend(state.extra[0], self.place.cache(context), layout, self.scale),))

    def output(self, state: State, context: Context) -> State:
        """Back to the residual stream."""
        x = self.out(state.extra[0])
        return State(state.hidden + (self.after(x) if self.after else x))

    def _heads(self, x: Tensor, own_norm: Norm | None) -> Tensor:
        x = x.view(x.shape[0], -1, self.head_dim)
        return own_norm(x) if own_norm else x
