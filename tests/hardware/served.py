"""Runs of real servers: what was sent and what came back, and the rehearsal of the same."""

from __future__ import annotations

import gzip
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from doubletime.core.vocabulary import SECOND
from doubletime.hardware.calibration import NEUTRAL, Calibration
from doubletime.lab.percentiles import Tally
from doubletime.lab.rehearsal.design import Design
from doubletime.lab.rehearsal.run import rehearse
from doubletime.lab.workload.content import Blocks, Run
from doubletime.lab.workload.job import Job, Session, Workload

METRICS = ("ttft_s", "tpot_s", "e2e_s")
ENDLESS = 1 << 20  # blocks: more than any sequence has


@dataclass(frozen=True)
class Served:
    """One run of vLLM 0.19 (LLMServingSim, `bench/examples`): 300 ShareGPT requests at 10 a second.

    A budget of 2,048 tokens a step; a prompt is admitted only if all of it fits (`scheduler_reserve_full_isl`), which
    is what Sarathi does too; asynchronous scheduling; prefix cache.
    """

    folder: str
    design: Design

    def requests(self, data: Path) -> list[dict[str, Any]]:
        with gzip.open(data / self.folder / "requests.jsonl.gz", "rt", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]


def served(folder: str, model: str, hardware: str, **more: Any) -> Served:
    return Served(folder, Design(model, hardware, policy="sarathi:budget=2048", jitter=0.0, **more))


BLOCK_BYTES = 16 * 2 * 8 * 128 * 2 * 32  # of Llama-3.1-8B
RUNS = {
    "llama-8b on rtx4090": served(
        "RTX4090_Llama-3.1-8B", "llama-3.1-8b", "rtx4090", max_model_len=32_768, kv_memory=2588 * BLOCK_BYTES
    ),
    "llama-8b on rtxpro6000": served("RTXPRO6000_Llama-3.1-8B", "llama-3.1-8b", "rtxpro6000", max_seats=128),
    "qwen3-32b on 2 rtxpro6000": served("RTXPRO6000_Qwen3-32B", "qwen3-32b", "rtxpro6000", max_seats=128, tp=2),
    "qwen3-30b-a3b on 2 rtxpro6000": served(
        "RTXPRO6000_Qwen3-30B-A3B-Instruct-2507", "qwen3-30b-a3b", "rtxpro6000", max_seats=256, ep=2, max_rows=4096
    ),
}  # fmt: skip


def workload_of(requests: list[dict[str, Any]]) -> Workload:
    """Every request has blocks of its own, prompt and answer: what a preemption took can be found again."""
    began = min(request["arrival_time"] for request in requests)
    sessions = [
        Session(
            round((request["arrival_time"] - began) * SECOND),
            (Job(request["input_toks"], request["output_toks"], content=Blocks(number, (Run(0, ENDLESS),))),),
        )
        for number, request in enumerate(requests)
    ]
    sessions.sort(key=lambda session: session.start)
    return Workload("served", lambda: iter(sessions), requests=len(sessions))


def measured(requests: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Mean, p50 and p99 of each metric, from arrival. Arrivals and tokens were stamped by two clocks."""
    shift = min(request["queued_ts"] - request["arrival_time"] for request in requests)
    tallies = {name: Tally() for name in METRICS}
    for request in requests:
        arrival = request["arrival_time"] + shift
        first, last = request["first_token_ts"], request["last_token_ts"]
        tallies["ttft_s"].add(round((first - arrival) * SECOND))
        tallies["e2e_s"].add(round((last - arrival) * SECOND))
        if request["output_toks"] > 1:
            tallies["tpot_s"].add(round((last - first) / (request["output_toks"] - 1) * SECOND))
    return {name: dict(tally.summary() or {}) for name, tally in tallies.items()}


def errors(run: Served, data: Path, folder: Path, scale: Calibration = NEUTRAL) -> dict[str, float]:
    """Relative errors of a rehearsal, by `metric point`. Times are the engine's own, without the API's."""
    requests = run.requests(data)
    calibration = folder / "engine-only.json"
    inside = replace(scale, overheads=scale.overheads | {"api": 0.0})
    calibration.write_text(json.dumps(inside.to_json()))
    design = replace(run.design, calibration=str(calibration))
    found = rehearse(design, workload_of(requests)).result
    truth = measured(requests)
    return {
        f"{name} {point}": found[name][point] / truth[name][point] - 1
        for name in METRICS
        for point in ("mean", "p50", "p99")
    } | {"preemptions": found["preemptions"]}


def main(data: Path) -> None:
    """Prints the errors of every run, as docs/design/cost-model.md shows them."""
    with TemporaryDirectory() as folder:
        for name, run in RUNS.items():
            found = errors(run, data / "e2e_vllm", Path(folder))
            cells = [f"{found[f'{metric} {point}']:+.1%}" for metric in METRICS for point in ("mean", "p50", "p99")]
            print("| " + " | ".join([name, *cells, str(found["preemptions"])]) + " |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
