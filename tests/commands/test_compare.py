"""`doubletime compare`: small rehearsals from the command line, side by side."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from doubletime import cli
from doubletime.lab.rehearsal.design import Design
from doubletime.lab.workload.open import open_workload

MODEL = ["--model", "llama-3.1-8b"]
SMALL = [*MODEL, "--hardware", "h100", "--trace", "poisson:rate=8,prompt=512,output=32,n=40"]


def compare(capsys: pytest.CaptureFixture[str], *args: str | Path, status: int = 0) -> dict[str, Any]:
    assert cli.main(["compare", *map(str, args), "--json", "-"]) == status
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_policies_and_rates_are_rehearsed_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    found = compare(
        capsys, *SMALL, "--policies", "fcfs,sarathi", "--rates", "2,8", "--slo", "ttft=1,tpot=0.05", "--jobs", "1"
    )
    assert [(cell["load"], cell["variant"]) for cell in found["cells"]] == [
        ("2/s", "fcfs"), ("2/s", "sarathi"), ("8/s", "fcfs"), ("8/s", "sarathi"),
    ]  # fmt: skip
    for cell in found["cells"]:
        result = cell["result"]
        assert (result["clock"], result["policy"]) == ("virtual", cell["variant"])
        assert result["requests"]["completed"] == 40
        assert result["slo"]["attainment"] is not None
        assert result["error"]["low"] <= 0 <= result["error"]["high"]


def test_cells_do_not_depend_on_how_many_run_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    def cells(jobs: str) -> list[Any]:
        found = compare(capsys, *SMALL, "--policies", "fcfs,flow", "--jobs", jobs)["cells"]
        for cell in found:
            del cell["result"]["config"]["rehearsed_in_s"]
        return list(found)

    assert cells("1") == cells("2")


def test_the_table_and_the_report_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    html, data = tmp_path / "report.html", tmp_path / "found.json"
    trace = ["--trace", "poisson:rate=8,prompt=512,output=32,n=40", "--slo", "ttft=1,tpot=0.05"]
    arguments = [*MODEL, "--hardware", "h100", "--tp", "1,2", *trace, "--error-bars", "--jobs", "1"]
    arguments += ["--html", str(html), "--json", str(data)]
    assert cli.main(["compare", *arguments]) == 0
    told = capsys.readouterr()
    assert "* best of its column" in told.out
    assert f"report: {html}" in told.err
    page = html.read_text()
    assert "KV use and batch composition" in page
    how = json.loads(data.read_text())["command"]
    assert how == shlex.join(["doubletime", "compare", *arguments])


def test_the_command_that_a_report_shows_leads_to_the_same_cells(capsys: pytest.CaptureFixture[str]) -> None:
    first = compare(
        capsys, *SMALL, "--policies", "sarathi:tbt=0.05,fcfs", "--scales", "0.5,1", "--jobs", "1", "--seed", "3"
    )
    words = shlex.split(first["command"])
    assert words[:2] == ["doubletime", "compare"]
    again = compare(capsys, *words[2 : words.index("--json")])
    assert [cell["result"]["ttft_s"] for cell in again["cells"]] == [
        cell["result"]["ttft_s"] for cell in first["cells"]
    ]


def test_clusters_are_compared_too(capsys: pytest.CaptureFixture[str]) -> None:
    found = compare(
        capsys, *SMALL, "--replicas", "2", "--prefill-replicas", "0,1", "--routers", "least-outstanding", "--jobs", "1"
    )
    assert [cell["variant"] for cell in found["cells"]] == ["0 prefill", "1 prefill"]
    assert {cell["result"]["config"]["router"] for cell in found["cells"]} == {"least-outstanding"}
    assert len({cell["result"]["tpot_s"]["p50"] for cell in found["cells"]}) == 2


def test_what_does_not_fit_is_told_beside_what_does(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--model", "llama-3.1-70b", "--hardware", "h100", "--tp", "1,4", "--jobs", "1"]
    trace = ["--trace", "poisson:rate=1,prompt=100,output=10,n=10"]
    assert cli.main(["compare", *arguments, *trace]) == 0
    assert "tp 1 cannot run" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--policies", "fastest"], "no policy is named 'fastest'"),
        (["--hardware", "h100,abacus"], "no hardware 'abacus'"),
        (["--routers", "fastest"], "fastest"),
        (["--rates", "1", "--scales", "1"], "exclude each other"),
        (["--rates", "1,1"], "given twice"),
        (["--trace", "closed:concurrency=2", "--rates", "1"], "closed loop"),
        (["--real"], "leave --hardware out"),
        (["--real", "--tp", "2"], "leave --tp out"),
    ],
)
def test_what_cannot_be_is_told_before_anything_runs(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert cli.main(["compare", *SMALL, "--jobs", "1", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_a_layout_that_cannot_be_is_told_beside_those_that_can(capsys: pytest.CaptureFixture[str]) -> None:
    found = compare(capsys, *SMALL, "--tp", "1,3", "--jobs", "1")
    assert found["cells"][0]["result"] is not None
    assert "heads cannot be split over 3" in found["cells"][1]["refused"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(MODEL, "--hardware is needed: `doubletime hardware`"), (["--hardware", "h100"], "--model is needed")],
)
def test_model_and_hardware_are_needed(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert cli.main(["compare", *arguments, "--trace", "poisson:rate=1,n=5"]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--rates", "0"], ["--tp", "0"], ["--slo", "speed=1"], ["--memory-share", "2"]])
def test_values_out_of_range_are_refused(option: list[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["compare", *SMALL, *option])


def test_real_runs_the_same_cells_on_the_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    from tests.served import checkpoint

    html = tmp_path / "real.html"
    found = compare(
        capsys, "--real", "--model", checkpoint(), "--trace", "poisson:rate=40,prompt=20,output=4,n=8",
        "--policies", "fcfs,sarathi", "--max-rows", "256", "--html", html,
    )  # fmt: skip
    assert [cell["result"]["clock"] for cell in found["cells"]] == ["real", "real"]
    assert [cell["result"]["requests"]["completed"] for cell in found["cells"]] == [8, 8]
    assert "real: measured" in html.read_text()


def test_what_is_measured_cannot_be_stretched() -> None:
    pytest.importorskip("torch")
    from doubletime.commands.real import Real

    with pytest.raises(ValueError, match="cannot be stretched"):
        Real(None)(Design("", ""), open_workload("poisson:rate=1,n=1"), slower=1.1)


def test_real_has_no_settings_that_only_a_rehearsal_has(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    status = cli.main(["compare", *MODEL, "--real", "--trace", "poisson:rate=1,n=5", "--no-prefix-cache"])
    assert status == 1
    assert "--no-prefix-cache" in capsys.readouterr().err
