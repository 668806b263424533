from __future__ import annotations

import json

import pytest

from doubletime.cli import main
from doubletime.policies import NAMES


def test_the_list_names_roles_knobs_and_references(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policies"]) == 0
    told = capsys.readouterr().out
    assert all(f"\n{name} " in "\n" + told for name in NAMES)
    assert "arXiv 2403.02310" in told
    assert "budget=512" in told


def test_the_same_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policies", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == set(NAMES)
    assert rows["sarathi"]["knobs"] == {"budget": 512, "tbt": 0.0}
    assert rows["priority"]["roles"] == ["order", "victim"]
    assert all(row["reference"] for row in rows.values())
