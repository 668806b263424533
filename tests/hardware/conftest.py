"""Shared by the tests of the cost model."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def profile() -> Callable[[str], Path]:
    """The path of a measured profile; the test is skipped where there is none."""
    folder = Path(os.environ.get("DOUBLETIME_DATA", ROOT.parent / "shared" / "data")) / "profiles"

    def find(name: str) -> Path:
        path = folder / name
        if not path.exists():
            pytest.skip(f"{path} is not here (set DOUBLETIME_DATA to the folder that holds profiles/)")
        return path

    return find
