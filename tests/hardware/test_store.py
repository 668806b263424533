from __future__ import annotations

import json
from pathlib import Path

import pytest

from doubletime.hardware.estimate import Basis, Estimate
from doubletime.hardware.store import TRANSFERRED_ERROR, Loaded, Store, all_stems


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for machine, stem, value in (("h100", "linear_fp8", 1), ("h100", "experts", 2), ("h200", "experts", 3)):
        (tmp_path / machine).mkdir(exist_ok=True)
        (tmp_path / machine / f"{stem}.json").write_text(json.dumps({"value": value}))
    return tmp_path


def test_the_own_fit_comes_before_that_of_the_nearest(folder: Path) -> None:
    store = Store("h200", folder)
    assert store.find("experts") == ({"value": 3}, "h200")
    assert store.find("linear_fp8") == ({"value": 1}, "h100")
    assert store.find("collective") is None
    assert store.own("linear_fp8") is None


def test_all_that_was_fitted_anywhere(folder: Path) -> None:
    assert all_stems(folder) == ["experts", "linear_fp8"]


def test_what_is_borrowed_is_transferred_with_a_wider_error() -> None:
    measured = Estimate(1.0, 0.04, Basis.INTERPOLATED)
    assert Loaded(None, True).judge(measured) == measured
    assert Loaded(None, False).judge(measured) == (1.0, TRANSFERRED_ERROR, Basis.TRANSFERRED)
    guessed = Estimate(1.0, 0.5, Basis.DATASHEET)
    assert Loaded(None, False).judge(guessed) == guessed
