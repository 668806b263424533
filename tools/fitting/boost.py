"""The learned residual: gradient-boosted trees over log-features, exported as plain lists."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

Floats = NDArray[np.float64]


def boost(
    x: Floats, y: Floats, *, trees: int = 120, leaves: int = 16, rate: float = 0.1, weights: Floats | None = None
) -> dict[str, Any]:
    """Fits log(measured / base) and returns what `hardware.trees.Trees.from_json` reads. Deterministic."""
    model = HistGradientBoostingRegressor(
        max_iter=trees,
        max_leaf_nodes=leaves,
        learning_rate=rate,
        min_samples_leaf=5,
        early_stopping=False,
        random_state=0,
    )
    with threadpool_limits(1):  # several threads that wait for busy cores take many times as long
        model.fit(x, y, sample_weight=weights)
    return {
        "base": round(float(model._baseline_prediction.item()), 6),
        "trees": [_tree(stage[0].nodes) for stage in model._predictors],
    }


def _tree(nodes: Any) -> list[list[Any]]:
    leaf = nodes["is_leaf"].astype(bool)
    feature = np.where(leaf, -1, nodes["feature_idx"]).tolist()
    threshold = [_short(v) for v in np.where(leaf, nodes["value"], nodes["num_threshold"])]
    left, right = (np.where(leaf, 0, nodes[side]).tolist() for side in ("left", "right"))
    return [feature, threshold, left, right]


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def predict(data: dict[str, Any], x: Floats) -> Floats:
    """What the exported trees say, for many rows at once."""
    found = np.full(len(x), data["base"])
    rows = np.arange(len(x))
    for feature, threshold, left, right in data["trees"]:
        f, t, lo, hi = (np.array(column) for column in (feature, threshold, left, right))
        node = np.zeros(len(x), dtype=np.int64)
        while (active := f[node] >= 0).any():
            down = x[rows, np.maximum(f[node], 0)] <= t[node]
            node = np.where(active, np.where(down, lo[node], hi[node]), node)
        found += t[node]
    return found
