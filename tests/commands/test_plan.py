"""`doubletime plan`: small searches from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from doubletime import cli

SEARCH = [
    "--model", "llama-3.1-8b", "--trace", "poisson:rate=20,prompt=512,output=64,n=150", "--hardware", "h100,l40s",
    "--policies", "fcfs", "--tp", "1,2", "--max-gpus", "8", "--jobs", "1",
]  # fmt: skip
SLO = ["--slo", "ttft=1,tpot=0.05"]


def test_the_cheapest_design_is_told_with_runners_up(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    where = tmp_path / "plan.json"
    assert cli.main(["plan", *SEARCH, *SLO, "--json", str(where)]) == 0
    told = capsys.readouterr().out
    assert "an hour" in told
    assert "binds" in told
    found = json.loads(where.read_text())
    costs = [one["dollars_per_hour"] for one in found["found"] if one["meets"]]
    assert found["winner"]["dollars_per_hour"] == min(costs)
    assert found["winner"]["attainment"] >= 0.9
    assert found["holds_within_error"] in (True, False)


def test_a_price_changes_the_winner(capsys: pytest.CaptureFixture[str]) -> None:
    def winner(price: str) -> str:
        assert cli.main(["plan", *SEARCH, *SLO, "--price", price, "--json", "-"]) == 0
        return str(json.loads(capsys.readouterr().out)["winner"]["design"]["hardware"])

    assert winner("h100=0.01,l40s=9") == "h100"
    assert winner("h100=9,l40s=0.01") == "l40s"


def test_what_nothing_meets_is_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", *SEARCH, "--slo", "ttft=0.001"]) == 1
    assert "nothing meets the SLO" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --slo"),
        ([*SLO, "--price", "a100=2"], "a100 is not searched"),
        ([*SLO, "--hardware", "abacus"], "abacus"),
        ([*SLO, "--policies", "fastest"], "no policy is named"),
        ([*SLO, "--trace", "closed:concurrency=2"], "no arrival times"),
    ],
)
def test_what_cannot_be_is_told(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert cli.main(["plan", *SEARCH, *arguments]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("price", ["h100", "h100=0", "h100=cheap"])
def test_a_price_is_a_number_of_dollars(price: str) -> None:
    with pytest.raises(SystemExit):
        cli.main(["plan", *SEARCH, *SLO, "--price", price])
