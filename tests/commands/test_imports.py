"""What a command loads before it works: nobody waits for torch to read a help text."""

from __future__ import annotations

import subprocess
import sys

import pytest

from doubletime import cli

HEAVY = {"torch", "numpy", "tokenizers", "starlette", "uvicorn", "transformers", "safetensors", "jinja2"}
COMMANDS = [
    *("--help", "--version", "policies", "models", "hardware"),
    *(f"{name} --help" for name in cli.COMMANDS),
    "simulate --model llama-3.1-8b --hardware h100 --trace poisson:rate=2,prompt=64,output=8,n=5",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_heavy_is_loaded(command: str) -> None:
    code = f"""
import sys
from doubletime.cli import main
try:
    main({command.split()})
except SystemExit as end:
    assert not end.code
print(*sys.modules, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stderr.split())
    assert done.stdout


def test_replay_needs_no_torch_either() -> None:
    code = "import sys, doubletime.lab.replay; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())
