"""`doubletime calibrate`, on a machine that is nothing but a roofline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from doubletime.cli import main
from doubletime.hardware.calibration import Calibration, read_calibration
from doubletime.hardware.step import StepCost
from tests.lab.calibrate.runs import LAYOUT, MACHINE, SHAPE, serve


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("doubletime.hardware.known.machine", lambda name: MACHINE)
    path = tmp_path / "run.log"
    serve(StepCost(SHAPE, MACHINE, LAYOUT, overlap=True, scale=Calibration(linear=1.2)), path)
    return path


def calibrate(log: Path, *more: str) -> int:
    return main(["calibrate", str(log), "--model", "qwen3-0.6b", "--hardware", "fake", *more])


def test_it_prints_what_it_learnt_and_writes_it(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(log, "--out", str(tmp_path / "mine.json")) == 0
    shown = capsys.readouterr().out
    assert "steps: typical error" in shown
    assert "linear" in shown
    assert read_calibration(tmp_path / "mine.json").linear > 1.1


def test_json(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(log, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["doubletime"] == "calibration"
    assert found["about"]["source"] == "steps"


def test_a_missing_file_is_an_error_in_one_line(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(log.with_name("nowhere")) == 1
    assert "nowhere" in capsys.readouterr().err


def test_an_impossible_layout_is_an_error_in_one_line(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(log, "--tp", "3") == 1
    assert "cannot be split over 3" in capsys.readouterr().err
