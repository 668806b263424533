"""A calibration is a small file that says what it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from doubletime.hardware.calibration import NEUTRAL, Calibration, read_calibration
from tests.hardware.fake import OVERHEADS


def test_it_survives_its_file(tmp_path: Path) -> None:
    found = Calibration(linear=1.1, overheads={"step": 2e-4})
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(found.to_json()))
    assert read_calibration(path) == found


def test_neutral_changes_nothing() -> None:
    assert NEUTRAL.of(OVERHEADS) == OVERHEADS


def test_it_replaces_only_what_it_names() -> None:
    assert Calibration(overheads={"host": 0.5}).of(OVERHEADS).host == 0.5
    assert Calibration(overheads={"host": 0.5}).of(OVERHEADS).step == OVERHEADS.step


@pytest.mark.parametrize("text", ["{}", "[]", "nonsense", '{"doubletime": "calibration", "schema": 2}'])
def test_another_file_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"other\.json"):
        read_calibration(path)


def test_impossible_values_are_refused() -> None:
    with pytest.raises(ValueError, match="scale of linear must be above 0, not 0"):
        Calibration(linear=0)
    with pytest.raises(ValueError, match="unknown overhead 'coffee'"):
        Calibration(overheads={"coffee": 1.0})
    with pytest.raises(ValueError, match="step must not be negative"):
        Calibration(overheads={"step": -1.0})
