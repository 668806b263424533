"""One pipeline stage as tables: what depends on rows alone, by kind of layer and preemption point; and attention."""

from __future__ import annotations

from dataclasses import dataclass

from doubletime.hardware.attend import AttentionTable
from doubletime.hardware.estimate import Estimate
from doubletime.hardware.grid import Grid, doubling
from doubletime.hardware.layout import Layout
from doubletime.hardware.price import Dense, Pricer
from doubletime.shapes import POINTS_PER_LAYER, ModelShape
from doubletime.shapes.operators import (
    Attend,
    Collective,
    Elementwise,
    Linear,
    Mixture,
    Operator,
    entry_operators,
    exit_operators,
    layer_kinds,
    layer_operators,
)

PROJECT, ATTEND, OUTPUT, GATE, DOWN = range(POINTS_PER_LAYER)
_ROWS = (*range(1, 16), *doubling(16, 256, 4), *doubling(256, 1 << 18, 8))
_SAMPLER_BYTES, _SAMPLER_LAUNCHES = 14, 6  # a logit: widened to float32 (2 + 4), read twice to find the best (8)
_FAMILIES = {Linear: "linear", Mixture: "experts", Collective: "collective", Elementwise: "elementwise"}
_POOLED = ("dispatch", "combine")
_GATE_NAMES = ("mlp_norm", "gate", "up", "activation", "router")


class Curve:
    """One operator by rows. `family` is one of `calibration.FAMILIES`.

    `pooled`: data-parallel ranks share this work, so that the mean of their rows counts, not the largest.
    """

    def __init__(self, name: str, family: str, pooled: bool, grid: Grid) -> None:
        self.name = name
        self.family = family
        self.pooled = pooled
        self.grid = grid

    def seconds(self, rows: int) -> float:
        return self.grid.at(rows)

    def estimate(self, rows: int) -> Estimate:
        return self.grid.estimate(rows)


@dataclass(frozen=True, slots=True)
class Kind:
    """Layers that cost the same. `points[p]` are the operators that end at preemption point p, attention left out."""

    layers: tuple[int, ...]
    points: tuple[tuple[Curve, ...], ...]
    attention: AttentionTable

    def count(self, top: int, bottom: int, point: int) -> int:
        """How many of these layers pass `point` within the depth [top, bottom)."""
        return sum(top <= layer * POINTS_PER_LAYER + point < bottom for layer in self.layers)


class Stage:
    """The tables of a model on a machine. `merged`: see `layer_operators`."""

    def __init__(self, shape: ModelShape, layout: Layout, pricer: Pricer, *, merged: bool) -> None:
        self._pricer = pricer
        self._curves: dict[Operator, Curve] = {}
        self._tables: dict[Attend, AttentionTable] = {}
        shape, split = layout.apply(shape), layout.split
        self.kinds = tuple(
            self._kind(layers, layer_operators(shape, layers[0], split, merged)) for layers in layer_kinds(shape)
        )
        entry = list(entry_operators(shape, split))
        if layout.pp > 1:
            entry.append(Collective("send", "send", shape.hidden * 2.0, 2))
        self.entry = tuple(self._curve(operator) for operator in entry if not isinstance(operator, Attend))
        sampler = Elementwise("sampler", float(_SAMPLER_BYTES * shape.vocab), _SAMPLER_LAUNCHES)
        exits = [*exit_operators(shape, split), sampler]
        self.exit = tuple(self._curve(operator) for operator in exits if not isinstance(operator, Attend))

    @property
    def families(self) -> dict[str, str]:
        """The family of each operator by its name."""
        return {curve.name: curve.family for curve in self._curves.values()} | {"attention": "attention"}

    def _kind(self, layers: tuple[int, ...], operators: tuple[Operator, ...]) -> Kind:
        points: list[list[Curve]] = [[] for _ in range(POINTS_PER_LAYER)]
        point, table = PROJECT, None
        for operator in operators:
            if isinstance(operator, Attend):
                table, point = self._table(operator), OUTPUT
                continue
            if point != PROJECT:
                point = _point(operator)
            points[point].append(self._curve(operator))
        assert table is not None
        return Kind(layers, tuple(map(tuple, points)), table)

    def _curve(self, operator: Dense) -> Curve:
        if operator not in self._curves:
            name = "experts" if isinstance(operator, Mixture) else operator.name
            grid = Grid((_ROWS,), lambda rows: self._pricer.dense(operator, round(rows)))
            pooled = isinstance(operator, Mixture) or name in _POOLED
            self._curves[operator] = Curve(name, _FAMILIES[type(operator)], pooled, grid)
        return self._curves[operator]

    def _table(self, operator: Attend) -> AttentionTable:
        if operator not in self._tables:
            self._tables[operator] = AttentionTable(operator, self._pricer)
        return self._tables[operator]


def _point(operator: Dense) -> int:
    """The preemption point of an operator behind attention."""
    if isinstance(operator, Mixture):
        return DOWN
    if operator.name in ("output", "reduce_attention"):
        return OUTPUT
    return GATE if operator.name.startswith(_GATE_NAMES) else DOWN
