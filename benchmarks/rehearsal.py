"""How fast the rehearsal is: requests a second, steps a second, and the first answer after the command.

python benchmarks/rehearsal.py [--traces FOLDER] [--rounds N] [--json FILE]

Vidur and inference-sim were measured on a machine like this one with the set-ups named in the table; they are not run
here (one needs its profiling data, the other Go), so their figures are what was written down then.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from doubletime.lab.rehearsal.design import Design
from doubletime.lab.rehearsal.run import rehearse
from doubletime.lab.workload.open import open_workload

AZURE = "azure_llm_2023_conv.csv.gz"
PEERS = {"Vidur": 145.0, "inference-sim": 219.0}  # requests a second of wall time


class Case(NamedTuple):
    name: str
    design: Design
    trace: str
    bar: float | None  # seconds
    peer: str = ""
    leaps: bool = True


def cases(traces: Path) -> list[Case]:
    model, file = "llama-3.1-8b", traces / AZURE
    five = f"replay:path={file},rate=6.45,n=5000"
    one = Design(model, "h100")
    return [
        Case("Azure 2023 conversation, one engine", one, str(file), 6.5),
        Case("the same, step by step", one, str(file), None, leaps=False),
        Case("the same, 8 replicas", Design(model, "h100", replicas=8), str(file), 15.0),
        Case("5,000 requests at 6.45/s, sarathi 512", Design(model, "a100", "sarathi:budget=512"), five, None, "Vidur"),
        Case("5,000 requests at 6.45/s, fcfs, H100", Design(model, "h100"), five, None, "inference-sim"),
    ]


def measure(case: Case, rounds: int) -> dict[str, Any]:
    """Wall seconds from opening the trace to the result, all metrics included."""
    times, result = [], {}
    for _ in range(rounds):
        began = time.perf_counter()
        result = rehearse(case.design, open_workload(case.trace), leaps=case.leaps).result
        times.append(time.perf_counter() - began)
    took = statistics.median(times)
    requests = result["requests"]["completed"]
    return {
        "name": case.name,
        "seconds": {"median": took, "min": min(times), "max": max(times)},
        "requests": requests,
        "steps": result["steps"],
        "requests_per_s": requests / took,
        "times_real_time": result["duration_s"] / took,
        "bar_s": case.bar,
        "peer": case.peer or None,
        "times_peer": requests / took / PEERS[case.peer] if case.peer else None,
    }


def first_answer(rounds: int) -> dict[str, Any]:
    """Wall seconds of the whole command for a small load."""
    trace = "poisson:rate=2,prompt=512,output=128,n=100"
    command = [sys.executable, "-m", "doubletime", "simulate", "--model", "llama-3.1-8b", "--hardware", "h100"]
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run([*command, "--trace", trace], check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return {"name": "first answer of `doubletime simulate`", "seconds": statistics.median(times), "bar_s": 2.0}


def show(rows: list[dict[str, Any]], first: dict[str, Any]) -> None:
    print(f"{'':40}{'seconds':>9}{'min to max':>16}{'bar':>7}{'requests/s':>12}{'real time':>11}  against")
    for row in rows:
        took = row["seconds"]
        span, bar = f"{took['min']:.2f} to {took['max']:.2f}", f"{row['bar_s'] or ''}"
        peer = f"{row['times_peer']:.1f} x {row['peer']}" if row["peer"] else ""
        speed, real = f"{row['requests_per_s']:,.0f}", f"{row['times_real_time']:,.0f} x"
        print(f"{row['name']:40}{took['median']:9.2f}{span:>16}{bar:>7}{speed:>12}{real:>11}  {peer}")
    print(f"{first['name']:40}{first['seconds']:9.2f}{'':>16}{first['bar_s']:>7}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--traces", type=Path, default=Path("../shared/data/traces"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    rows = [measure(case, args.rounds) for case in cases(args.traces)]
    first = first_answer(max(3, args.rounds))
    show(rows, first)
    if args.json:
        args.json.write_text(json.dumps({"cases": rows, "first_answer": first}, indent=1) + "\n")


if __name__ == "__main__":
    main()
