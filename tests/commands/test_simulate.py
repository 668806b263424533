"""One rehearsal from the command line: what is printed, written and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from doubletime.cli import main

LOAD = "poisson:rate=4,prompt=200,output=20,n=40"
BASE = ["simulate", "--model", "llama-3.1-8b", "--hardware", "h100"]
ONE = [*BASE, "--trace", LOAD]


def result(capsys: pytest.CaptureFixture[str], *args: str, base: list[str] = ONE) -> dict:  # type: ignore[type-arg]
    assert main([*base, "--json", "-", *args]) == 0
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


def test_the_result_has_the_schema_of_bench(capsys: pytest.CaptureFixture[str]) -> None:
    found = result(capsys, "--slo", "ttft=1,tpot=0.05")
    assert found["schema"] == 1
    assert found["clock"] == "virtual"
    assert found["requests"]["completed"] == 40
    assert found["slo"]["attainment"] == 1.0
    assert 0 < found["tpot_s"]["p50"] < 0.05
    assert found["error"]["low"] < 0 < found["error"]["high"]
    assert found["cost"]["devices"] == 1
    assert found["config"]["hardware"] == "h100"
    assert found["config"]["predictor"] == "measured error"
    assert found["client_lag_s"] is None


def test_the_same_seed_gives_the_same_result_and_another_one_another(capsys: pytest.CaptureFixture[str]) -> None:
    first, second, other = (result(capsys, "--seed", seed) for seed in ("3", "3", "4"))
    for found in (first, second, other):
        del found["config"]["rehearsed_in_s"]
    assert first == second
    assert first["e2e_s"] != other["e2e_s"]


def test_a_table_is_printed_and_the_result_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = tmp_path / "out.json"
    assert main([*ONE, "--explain", "--json", str(where)]) == 0
    out = capsys.readouterr().out
    assert "TTFT" in out
    assert "where step time goes" in out
    shares = {part["name"]: part["share"] for part in json.loads(where.read_text())["explain"]}
    assert sum(shares.values()) == pytest.approx(1)
    assert "attention" in shares


def test_an_oracle_is_labelled(capsys: pytest.CaptureFixture[str]) -> None:
    assert result(capsys, "--oracle")["config"]["predictor"] == "oracle"
    assert main([*ONE, "--oracle"]) == 0
    assert "oracle" in capsys.readouterr().out


def test_error_bars_span_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    found = result(capsys, "--error-bars")
    low, high = found["error"]["figures"]["tpot_s"]["p50"]
    assert low < found["tpot_s"]["p50"] < high
    assert main([*ONE, "--error-bars"]) == 0
    assert "TPOT p50" in capsys.readouterr().out


def test_steps_are_written_for_perfetto(tmp_path: Path) -> None:
    where = tmp_path / "steps.json"
    assert main([*ONE, "--perfetto", str(where), "--json", str(tmp_path / "r.json")]) == 0
    trace = json.loads(where.read_text())
    assert any(event["ph"] == "X" for event in trace["traceEvents"])


def test_capacity_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = "poisson:rate=4,prompt=2000,output=20,n=120"
    args = [*BASE, "--trace", trace, "--find-capacity", "--slo", "ttft=0.5", "--tolerance", "0.2"]
    assert main([*args, "--json", str(tmp_path / "c.json")]) == 0
    assert "capacity" in capsys.readouterr().out
    found = json.loads((tmp_path / "c.json").read_text())
    assert found["rate"] < found["next_rate"] <= found["rate"] * 1.2
    assert found["attainment"] >= 0.9 > found["next_attainment"]


def test_capacity_needs_an_slo(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ONE, "--find-capacity"]) == 1
    assert "--slo" in capsys.readouterr().err


def test_capacity_is_not_about_one_rehearsal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ONE, "--find-capacity", "--slo", "ttft=1", "--explain"]) == 1
    assert "--explain is about one rehearsal" in capsys.readouterr().err


def test_replicas_roles_and_failures_are_rehearsed(capsys: pytest.CaptureFixture[str]) -> None:
    found = result(capsys, "--replicas", "3", "--router", "least-outstanding", "--fail", "1:2:3")
    assert found["requests"]["completed"] == 40
    assert len(found["by_replica"]) >= 3
    split = result(capsys, "--replicas", "2", "--prefill-replicas", "1")
    assert split["requests"]["completed"] == 40
    scaled = result(capsys, "--scaler", "outstanding:target=1,most=3,up=0,load=1")
    assert scaled["requests"]["completed"] == 40


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--model", "nothing-1b"], "unknown published shape"),
        (["--hardware", "abacus"], "abacus"),
        (["--trace", "nowhere.csv"], "neither a file nor a spec"),
        (["--policy", "magic"], "no policy is named"),
        (["--router", "magic"], "router"),
        (["--tp", "3"], "3"),
        (["--model", "llama-3.1-405b"], "GB"),
        (["--calibration", "nowhere.json"], "nowhere.json"),
        (["--prefill-replicas", "1"], "at least 1 has to decode"),
    ],
)
def test_what_cannot_be_is_said(args: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ONE, *args]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("text", ["x:1", "1", "1:2:3:4", "1:soon"])
def test_a_failure_is_spelled_out(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*ONE, "--fail", text])
    assert "REPLICA:AT" in capsys.readouterr().err
