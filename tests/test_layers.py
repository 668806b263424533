"""The import contracts in pyproject.toml name their packages one by one; here none is forgotten."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
PACKAGES = {f"doubletime.{path.parent.name}" for path in (ROOT / "src/doubletime").glob("*/__init__.py")}


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("the core imports nothing of the project", {"doubletime.core"}),
        ("policies import the core only", {"doubletime.core", "doubletime.policies"}),
    ],
)
def test_a_package_is_allowed_or_forbidden(name: str, allowed: set[str]) -> None:
    (contract,) = [contract for contract in CONTRACTS if contract["name"] == name]
    assert set(contract["forbidden_modules"]) >= PACKAGES - allowed
