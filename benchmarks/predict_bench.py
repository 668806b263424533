"""The real side of `predict.py`: checkpoints for random shapes, and each run as a process of its own on one thread."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.predict_runs import PUBLISHED, SHIPPED, Run

KV_MEMORY = 400_000_000
LENGTH = 2048
ENGINE = ["--kernels", "torch", "--dtype", "float32", "--device", "cpu", "--kv-memory", str(KV_MEMORY)]
ENGINE += ["--max-model-len", str(LENGTH)]


def folder_of(run: Run, models: Path) -> Path:
    """The checkpoint of a random shape; written here if it is not there, in another process, for torch."""
    target = models / run.model
    if not (target / "model.safetensors").exists():
        subprocess.run([sys.executable, "-c", _WRITE, json.dumps(run.config), str(target)], check=True)
    return target


_WRITE = """
import json, pathlib, sys
from doubletime.engine.profile.subjects import checkpoint
checkpoint(json.loads(sys.argv[1]), pathlib.Path(sys.argv[2]))
"""


def model_argument(run: Run, folder: Path) -> list[str]:
    """MODEL as `bench` takes it; nothing for the shipped one."""
    if run.model == SHIPPED:
        return []
    return [f"random:{PUBLISHED}" if run.model == PUBLISHED else str(folder_of(run, folder))]


def bench(run: Run, folder: Path) -> dict[str, Any]:
    """The result of one real run, with what share of a core others took meanwhile.

    Raises CalledProcessError with what the process said.
    """
    others, began = _others(), time.monotonic()
    result = _bench(run, folder)
    return result | {"others": (_others() - others) / (time.monotonic() - began)}


def _others() -> float:
    """Seconds of processor time that went to anything but this process and its children (the hypervisor included)."""
    busy = [int(value) for value in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
    idle = busy[3] + busy[4]
    own = sum(os.times()[:4])
    return (sum(busy[:8]) - idle) / os.sysconf("SC_CLK_TCK") - own


def _bench(run: Run, folder: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        found = Path(scratch) / "result.json"
        command = [sys.executable, "-m", "doubletime", "bench", *model_argument(run, folder)]
        command += [
            "--trace",
            run.trace,
            "--seed",
            str(run.seed),
            "--policy",
            run.policy,
            "--json",
            str(found),
            *ENGINE,
        ]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        result: dict[str, Any] = json.loads(found.read_text())
        return result
