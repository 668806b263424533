"""Where the public traces are: ../shared/data beside the repository, or $DOUBLETIME_DATA."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def trace() -> Callable[[str], Path]:
    """The path of a trace file; the test is skipped where there is none."""
    folder = Path(os.environ.get("DOUBLETIME_DATA", ROOT.parent / "shared" / "data")) / "traces"

    def find(name: str) -> Path:
        path = folder / name
        if not path.is_file():
            pytest.skip(f"{path} is not here (set DOUBLETIME_DATA to the folder that holds traces/)")
        return path

    return find
