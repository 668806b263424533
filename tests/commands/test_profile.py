"""`doubletime profile` on the command line; the measurements themselves are made up."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from doubletime.cli import main
from doubletime.hardware.known import machine
from tests.hardware.cpu_profile import made_up

run = pytest.importorskip("doubletime.engine.profile.run", reason="needs torch")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Calls of the profiler, which answers at once."""
    calls: list[tuple[Any, ...]] = []

    def profile(*args: Any) -> dict[str, Any]:
        calls.append(args[:3])
        args[3]("one thing")
        return made_up()

    monkeypatch.setattr(run, "profile", profile)
    return calls


def test_it_writes_a_profile_that_is_a_machine(
    measured: list[tuple[Any, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.json"
    assert main(["profile", "--out", str(out), "--threads", "2", "--dtype", "bfloat16"]) == 0
    assert measured == [(run.FULL, "bfloat16", 2)]
    assert machine(str(out)).spec.name == "test CPU"
    printed = capsys.readouterr()
    assert "test CPU" in printed.out
    assert "4.0% between what was measured, 10.0% beyond" in printed.out
    assert f"--hardware {out}" in printed.err


def test_quick_takes_less_trouble(measured: list[tuple[Any, ...]], tmp_path: Path) -> None:
    assert main(["profile", "--quick", "--threads", "1", "--out", str(tmp_path / "p.json")]) == 0
    assert measured == [(run.FAST, "float32", 1)]


def test_threads_follow_the_environment(
    measured: list[tuple[Any, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert main(["profile", "--out", str(tmp_path / "p.json")]) == 0
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert main(["profile", "--out", str(tmp_path / "p.json")]) == 0
    assert measured[0][2] == 3
    assert measured[1][2] >= 1


def test_json_prints_the_summary(
    measured: list[tuple[Any, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profile", "--json", "--threads", "1", "--out", str(tmp_path / "p.json")]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["machine"] == "test CPU"
    assert printed["gflops"] == pytest.approx(50)
    assert printed["held_out_error"]["linear"] == [0.03, 0.1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "profile"], r"ends in \.json"),
        (["--out", "nowhere/profile.json"], "there is no folder nowhere"),
        (["--threads", "0"], "--threads must be at least 1, not 0"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_measured(
    arguments: list[str],
    message: str,
    measured: list[tuple[Any, ...]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["profile", *arguments]) == 1
    assert not measured
    assert re.search(message, capsys.readouterr().err)
