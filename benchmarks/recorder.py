"""What `--record` costs, as a share of the steps of a real run on the model that ships.

    python benchmarks/recorder.py [--json FILE]

The time inside the recorder is measured beside the durations of the steps it records, in one run.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from doubletime import LLM, SamplingParams


class Timed:
    """A recorder that adds up the time of another."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any) -> None:
            began = time.perf_counter()
            getattr(self._inner, name)(*args)
            self.seconds += time.perf_counter() - began

        return call


def measure(requests: int) -> dict[str, float | int]:
    with tempfile.TemporaryDirectory() as folder, LLM(record=f"{folder}/log", kv_memory="256MB") as llm:
        engine = llm._running.engine
        engine.recorder = timed = Timed(engine.recorder)
        began = time.perf_counter()
        llm.generate(["import os\n"] * requests, SamplingParams(max_tokens=200, ignore_eos=True), progress=False)
        wall, steps = time.perf_counter() - began, engine.steps
    return {
        "requests": requests,
        "steps": steps,
        "step_ms": wall / steps * 1e3,
        "record_us": timed.seconds / steps * 1e6,
        "share": timed.seconds / wall,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    rows = [measure(requests) for requests in (1, 16, 64)]
    for row in rows:
        print(
            f"{row['requests']:3} requests  {row['steps']:5} steps  {row['step_ms']:7.2f} ms a step  "
            f"{row['record_us']:6.1f} µs recording  {row['share']:.2%}"
        )
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
