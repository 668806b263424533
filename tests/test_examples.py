"""The examples do what their first lines say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from doubletime.lab.conformance import check

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_the_example_policy_passes_the_conformance_suite() -> None:
    report = check(f"sarathi+{EXAMPLES / 'shortest.py'}", worlds=10, seed=0)
    assert not report.failures


def test_the_offline_example_prints_an_answer_to_every_question() -> None:
    pytest.importorskip("torch")
    run = subprocess.run([sys.executable, EXAMPLES / "offline.py"], capture_output=True, text=True, check=True)
    assert "Return the number of items in a container." in run.stdout
    assert len(run.stdout.splitlines()) == 6
