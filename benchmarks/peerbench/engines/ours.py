"""This project's engine, through its public API and its server."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peerbench.engines.python_engine import measure
from benchmarks.peerbench.points import LENGTH, Model, Point, Precision, Rates
from benchmarks.peerbench.process import Launch

KV_MEMORY = "2GiB"  # vLLM gets the same
_WEIGHTS: dict[Precision, dict[str, str]] = {
    "32": {"dtype": "float32"},
    "16": {"dtype": "bfloat16"},
    "8": {"quantize": "int8"},
    "4": {"quantize": "int4"},
}


@dataclass(frozen=True, slots=True)
class Doubletime:
    """`kv_memory` as `--kv-memory` takes it."""

    logs: Path
    kv_memory: str = KV_MEMORY
    name: str = "doubletime"
    serves: bool = True

    def lacks(self, model: Model, precision: Precision) -> str | None:
        return None

    def rates(self, model: Model, precision: Precision, points: Sequence[Point]) -> Rates:
        options: dict[str, Any] = {
            "model": str(model.folder), "device": "cpu", "kv_memory": self.kv_memory, "max_model_len": LENGTH,
            **_WEIGHTS[precision],
        }  # fmt: skip
        return measure("doubletime", Path(sys.executable), options, {}, points, self.logs / "doubletime.log")

    def server(self, model: Model, precision: Precision, port: int) -> Launch:
        weights = [word for key, value in _WEIGHTS[precision].items() for word in (f"--{key}", value)]
        options = ["--kv-memory", self.kv_memory, "--max-model-len", str(LENGTH), "--device", "cpu"]
        serve = [sys.executable, "-m", "doubletime", "serve", str(model.folder), "--port", str(port)]
        return Launch((*serve, *options, *weights))
