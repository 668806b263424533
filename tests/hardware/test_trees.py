from __future__ import annotations

import random
from typing import Any

import pytest

from doubletime.hardware.trees import Trees

STUMP = [[0, -1, -1], [1.5, 10.0, 20.0], [1, 0, 0], [2, 0, 0]]
DEEP = [[1, 0, -1, -1, -1], [0.0, 1.0, 3.0, 1.0, 2.0], [1, 3, 0, 0, 0], [2, 4, 0, 0, 0]]


def test_a_feature_at_its_threshold_goes_left() -> None:
    trees = Trees.from_json({"base": 0.0, "trees": [STUMP]})
    assert [trees.predict([x]) for x in (1.0, 1.5, 1.6)] == [10.0, 10.0, 20.0]


def test_the_base_and_all_trees_are_added() -> None:
    trees = Trees.from_json({"base": 0.5, "trees": [STUMP, DEEP]})
    assert trees.predict([1.0, 1.0]) == 0.5 + 10.0 + 3.0
    assert trees.predict([2.0, -1.0]) == 0.5 + 20.0 + 2.0


def test_without_trees_the_base_is_the_answer() -> None:
    assert Trees(0.25, []).predict([]) == 0.25


def test_the_exported_trees_say_what_the_fitted_model_says() -> None:
    np = pytest.importorskip("numpy")
    pytest.importorskip("sklearn")
    from tools.fitting.boost import boost, predict

    rng = np.random.default_rng(0)
    x = rng.uniform(0, 8, (400, 3))
    fitted: dict[str, Any] = boost(x, np.sin(x[:, 0]) + x[:, 1] * 0.1, trees=40)
    trees = Trees.from_json(fitted)
    rows = random.Random(0).sample(range(400), 40)
    assert [trees.predict(list(x[at])) for at in rows] == pytest.approx(list(predict(fitted, x[rows])), rel=1e-9)
    assert np.abs(predict(fitted, x) - np.sin(x[:, 0]) - x[:, 1] * 0.1).mean() < 0.1
