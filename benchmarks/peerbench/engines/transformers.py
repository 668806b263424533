"""Hugging Face transformers' `generate`, in this environment: batches of equal lengths, no server."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peerbench.engines.python_engine import measure
from benchmarks.peerbench.points import Model, Point, Precision, Rates
from benchmarks.peerbench.process import Launch, PeerFailed

_DTYPES: dict[Precision, str] = {"32": "float32", "16": "bfloat16"}


@dataclass(frozen=True, slots=True)
class Transformers:
    logs: Path
    name: str = "transformers"
    serves: bool = False

    def lacks(self, model: Model, precision: Precision) -> str | None:
        return None if precision in _DTYPES else "no integer weights on a CPU without further packages"

    def rates(self, model: Model, precision: Precision, points: Sequence[Point]) -> Rates:
        threads = len(os.sched_getaffinity(0))
        options: dict[str, Any] = {"model": str(model.folder), "dtype": _DTYPES[precision], "threads": threads}
        return measure("transformers", Path(sys.executable), options, {}, points, self.logs / "transformers.log")

    def server(self, model: Model, precision: Precision, port: int) -> Launch:
        raise PeerFailed("its server is not compared")
