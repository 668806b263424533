"""The second half of a layer, as two operators: a gated MLP, or a mixture of experts."""

from __future__ import annotations

from doubletime.kernels.reference import Expert, gated, mix, route
from doubletime.models.norm import Norm
from doubletime.models.state import Context, Operator, State
from doubletime.models.weights import Linear, Weights
from doubletime.shapes import ModelShape, MoE


class GatedMLP:
    """down(activation(gate(x)) × up(x)), between the norms `before` and (if any) `after`."""

    def __init__(self, weights: Weights, shape: ModelShape, before: Norm, after: Norm | None = None) -> None:
        own = weights.under("mlp")
        self.gate_proj, self.up_proj, self.down_proj = (own.linear(f"{name}_proj") for name in ("gate", "up", "down"))
        self.activation = shape.activation
        self.before, self.after = before, after

    @property
    def operators(self) -> list[Operator]:
        return [self.gate, self.down]

    def gate(self, state: State, context: Context) -> State:
        """Hidden rows → inner rows [T, intermediate]."""
        x = self.before(state.hidden)
        return State(state.hidden, (gated(self.gate_proj(x), self.up_proj(x), self.activation),))

    def down(self, state: State, context: Context) -> State:
        """Back to the residual stream."""
        x = self.down_proj(state.extra[0])
        return State(state.hidden + (self.after(x) if self.after else x))


class ExpertMLP:
    """Each token goes through the experts that its router prefers."""

    def __init__(self, weights: Weights, shape: ModelShape, moe: MoE, before: Norm) -> None:
        own = weights.under("mlp")
        self.router = own.linear("gate")
        self.experts = Experts([_projections(own.under(f"experts.{index}")) for index in range(moe.experts)])
        self.moe, self.activation, self.before = moe, shape.activation, before

    @property
    def operators(self) -> list[Operator]:
        return [self.gate, self.down]

    def gate(self, state: State, context: Context) -> State:
        """Hidden rows → normed rows [T, hidden], weights [T, top_k] and ids [T, top_k] of their experts."""
        x = self.before(state.hidden)
        return State(state.hidden, (x, *route(self.router(x), self.moe.top_k, self.moe.normalize)))

    def down(self, state: State, context: Context) -> State:
        """The experts' weighted sum, added to the residual stream."""
        x, weights, ids = state.extra
        return State(state.hidden + mix(x, weights, ids, self.experts, self.activation))


Projections = tuple[Linear, Linear, Linear]  # gate, up, down


class Experts:
    """The experts' matrices by expert. Quantized ones are dequantized at each look."""

    def __init__(self, projections: list[Projections]) -> None:
        self.projections = projections

    def __getitem__(self, expert: int) -> Expert:
        gate, up, down = self.projections[expert]
        return gate.dense(), up.dense(), down.dense()


def _projections(weights: Weights) -> Projections:
    return weights.linear("gate_proj"), weights.linear("up_proj"), weights.linear("down_proj")
