"""llama.cpp, with the settings that were fastest for it: flash attention, separate KV streams, float16 KV, repacking.

At 16 bit it is measured with F16 and with BF16 files, and the faster one counts, point by point.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from benchmarks.peerbench import gguf_worker
from benchmarks.peerbench.environments import LlamaCpp
from benchmarks.peerbench.points import NEW_TOKENS, Model, Point, Precision, Rates
from benchmarks.peerbench.process import Launch, PeerFailed, run

_FILES: dict[Precision, tuple[str, ...]] = {"32": ("F32",), "16": ("BF16", "F16"), "8": ("Q8_0",), "4": ("Q4_0",)}
_QUANTIZED = ("Q8_0", "Q4_0")
_ROUND = 256  # tokens: a sequence's share of the context is a multiple of it
_SERVED_SLOTS = 16


@dataclass(frozen=True, slots=True)
class Llama:
    installed: LlamaCpp
    logs: Path
    name: str = "llama.cpp"
    serves: bool = True

    def lacks(self, model: Model, precision: Precision) -> str | None:
        return None

    def rates(self, model: Model, precision: Precision, points: Sequence[Point]) -> Rates:
        best: dict[Point, float] = {}
        peak = 0
        for kind in _FILES[precision]:
            file = self.file(model, kind)
            for group in groups(points):
                out, held = run(self._batched(file, group), self.logs / "llama.cpp.log")
                for point, rate in rates_of(out, group).items():
                    best[point] = max(rate, best.get(point, 0.0))
                peak = max(peak, held)
        return Rates(best, peak)

    def server(self, model: Model, precision: Precision, port: int) -> Launch:
        tool = self.installed.tools / "llama-server"
        file = self.file(model, _FILES[precision][0])
        options = ["--threads", _threads(), "--flash-attn", "on", "--offline", "--no-webui", "--cache-reuse", "256"]
        slots = ["--parallel", str(_SERVED_SLOTS), "--ctx-size", str(_SERVED_SLOTS * 2048)]
        where = ["--host", "127.0.0.1", "--port", str(port)]
        return Launch((str(tool), "--model", str(file), *options, *slots, *where))

    def file(self, model: Model, kind: str) -> Path:
        """The model as GGUF, made on the first call; Q8_0 and Q4_0 by llama-quantize with its default mix."""
        path = model.folder / f"{kind}.gguf"
        if not path.exists():
            half_made = path.with_suffix(".part")
            run(self._conversion(model, kind, half_made), self.logs / "gguf.log")
            half_made.rename(path)
        return path

    def _conversion(self, model: Model, kind: str, out: Path) -> Launch:
        if kind in _QUANTIZED:
            tool = self.installed.tools / "llama-quantize"
            return Launch((str(tool), str(self.file(model, "F32")), str(out), kind, _threads()))
        return Launch((str(self.installed.python), gguf_worker.__file__, str(model.folder), str(out), kind))

    def _batched(self, file: Path, group: Sequence[Point]) -> Launch:
        first = group[0]
        new = NEW_TOKENS if first.kind == "decode" else 1
        lengths = sorted({point.context for point in group})
        batches = sorted({point.batch for point in group})
        room = batches[-1] * -(-(lengths[-1] + new) // _ROUND) * _ROUND
        what = ["-npp", _listed(lengths), "-ntg", str(new), "-npl", _listed(batches), "-c", str(room)]
        how = ["-t", _threads(), "-fa", "on", "--output-format", "jsonl"]
        return Launch((str(self.installed.tools / "llama-batched-bench"), "-m", str(file), *what, *how))


def groups(points: Sequence[Point]) -> list[list[Point]]:
    """What one process can measure: decodes at one context, or all prefills."""

    def key(point: Point) -> tuple[str, int]:
        return point.kind, point.context if point.kind == "decode" else 0

    return [list(group) for _, group in groupby(sorted(points, key=key), key)]


def rates_of(out: str, group: Sequence[Point]) -> dict[Point, float]:
    """Raises PeerFailed where a point has no line."""
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    told = {(line["pl"], line["pp"]): line for line in lines}
    try:
        return {
            point: float(told[point.batch, point.context]["speed_tg" if point.kind == "decode" else "speed_pp"])
            for point in group
        }
    except KeyError as error:
        raise PeerFailed(f"llama-batched-bench says nothing of (batch, context) = {error}") from None


def _listed(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))


def _threads() -> str:
    return str(len(os.sched_getaffinity(0)))
