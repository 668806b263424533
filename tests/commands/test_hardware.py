from __future__ import annotations

import json
from typing import Any

import pytest

from doubletime.cli import main
from doubletime.hardware.specs import SPECS


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["hardware", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_list_has_every_machine_and_its_errors(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["hardware"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in SPECS)
    assert "linear bf16" in shown
    assert "~20%" in shown
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_one_machine_in_detail(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["hardware", "H100"]) == 0
    shown = capsys.readouterr().out
    assert "memory 3.35 TB/s" in shown
    assert "linear bf16" in shown
    assert "aiconfigurator, vLLM 0.24.0" in shown
    assert "overheads" in shown
    assert "…" not in shown


def test_as_json_each_fit_has_source_rows_and_errors(capsys: pytest.CaptureFixture[str]) -> None:
    machines = {row["name"]: row for row in told(capsys)}
    assert set(machines) == set(SPECS)
    for row in machines.values():
        own = [part for part in row["operators"] if part["measured_on"] == row["name"]]
        assert own
        for part in own:
            assert part["source"]
            assert part["rows"] > 10
            assert all(0 < error < 1 for error in part["held_out"].values())


def test_what_is_borrowed_names_its_owner(capsys: pytest.CaptureFixture[str]) -> None:
    operators = {part["operator"]: part for part in told(capsys, "rtx4090")["operators"]}
    assert operators["linear_fp8"]["measured_on"] == "l40s"
    assert operators["linear_bfloat16"]["measured_on"] == "rtx4090"
    assert "linear_nvfp4" not in operators


def test_an_unknown_machine_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hardware", "tpu"]) == 1
    assert "no hardware 'tpu'; known: a100" in capsys.readouterr().err
