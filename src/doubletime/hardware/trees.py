"""A sum of small regression trees, in plain Python: the learned residual of an operator. Fitted by tools/fitting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Trees:
    """Each tree is four parallel lists: feature (-1 at a leaf), threshold (a leaf's value), left, right."""

    def __init__(self, base: float, trees: Sequence[tuple[list[int], list[float], list[int], list[int]]]) -> None:
        self.base = base
        self._trees = tuple(trees)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Trees:
        """`{"base": float, "trees": [[feature, threshold, left, right], …]}`."""
        return cls(data["base"], [(f, t, left, right) for f, t, left, right in data["trees"]])

    def predict(self, x: Sequence[float]) -> float:
        """The sum over all trees; a feature at most its threshold goes left."""
        found = self.base
        for feature, threshold, left, right in self._trees:
            node = 0
            while (at := feature[node]) >= 0:
                node = left[node] if x[at] <= threshold[node] else right[node]
            found += threshold[node]
        return found
