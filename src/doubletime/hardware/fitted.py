"""A GPU by its fits. Each operator is answered by the best there is, and says by which.

1. the fit to this machine's own measurements: interpolated between them, or extrapolated by the roofline beyond;
2. the fit of the most alike machine at this one's peaks: transferred, with a wider error;
3. the roofline of the data sheet.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from doubletime.hardware.estimate import Estimate
from doubletime.hardware.machine import GRAPH_SIZES, AttentionBatch, AttentionShape, ExpertShape, Overheads, Spec
from doubletime.hardware.ops import collective, elementwise, linear
from doubletime.hardware.ops.collective import Collective
from doubletime.hardware.ops.elementwise import Elementwise
from doubletime.hardware.ops.linear import Linear
from doubletime.hardware.store import Loaded, Store

if TYPE_CHECKING:
    from doubletime.hardware.ops.attention import Attention
    from doubletime.hardware.ops.experts import Experts

T = TypeVar("T")

_JITTER = 0.02  # assumed: the tables hold medians, and nothing about the spread from step to step


class FittedMachine:
    """One GPU; its fits are loaded when they are first asked for."""

    def __init__(self, spec: Spec, store: Store) -> None:
        self._spec = spec
        self._store = store
        self._linears: dict[str, Loaded[Linear] | None] = {}

    @property
    def spec(self) -> Spec:
        return self._spec

    @cached_property
    def overheads(self) -> Overheads:
        found = self._store.find("overheads")
        if found is None:
            raise ValueError(f"{self._spec.name} has no overheads.json in its folder of fits")
        return Overheads(**found.data["seconds"])

    @property
    def jitter(self) -> float:
        return _JITTER

    @property
    def graph_sizes(self) -> tuple[int, ...]:
        return GRAPH_SIZES

    def linear(self, m: int, n: int, k: int, weights: str) -> Estimate:
        if weights not in self._linears:
            self._linears[weights] = self._load_linear(weights)
        loaded = self._linears[weights]
        if loaded is None:
            return linear.datasheet(m, n, k, linear.peaks(self._spec, weights))
        return loaded.judge(loaded.model.estimate(m, n, k))

    def attention(self, shape: AttentionShape, batch: AttentionBatch) -> Estimate:
        return self._attention.estimate(shape, batch)

    def experts(self, tokens: int, shape: ExpertShape) -> Estimate:
        return self._experts.estimate(tokens, shape)

    def collective(self, kind: str, size: int, ranks: int) -> Estimate:
        loaded = self._collective
        if loaded is None:
            return collective.datasheet(kind, size, ranks, self._spec)
        return loaded.judge(loaded.model.estimate(kind, size, ranks))

    def elementwise(self, size: float, launches: int = 1) -> Estimate:
        loaded = self._elementwise
        if loaded is None:
            return elementwise.datasheet(size, launches, self._spec)
        return loaded.judge(loaded.model.estimate(size, launches))

    @cached_property
    def _attention(self) -> Attention:
        from doubletime.hardware.ops.attention import Attention

        return Attention.load(self._store, self._spec)

    @cached_property
    def _experts(self) -> Experts:
        from doubletime.hardware.ops.experts import Experts

        return Experts.load(self._store, self._spec)

    @cached_property
    def _collective(self) -> Loaded[Collective] | None:
        return self._load("collective", Collective.from_json)

    @cached_property
    def _elementwise(self) -> Loaded[Elementwise] | None:
        return self._load("elementwise", Elementwise.from_json)

    def _load_linear(self, weights: str) -> Loaded[Linear] | None:
        stem, exact = linear.fit_for(self._spec, weights)
        loaded = self._load(stem, lambda data, spec: Linear.from_json(data, spec, weights))
        return loaded and loaded._replace(own=loaded.own and exact)

    def _load(self, stem: str, build: Callable[[dict[str, Any], Spec], T]) -> Loaded[T] | None:
        found = self._store.find(stem)
        return None if found is None else Loaded(build(found.data, self._spec), found.machine == self._spec.name)
