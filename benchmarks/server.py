"""What HTTP costs the engine and the engine HTTP: /health under load, steps beside offline ones, CPU a token.

    python -m benchmarks.server [--model MODEL] [--json FILE]

1. `/health` 50 times a second, each on a new connection, while more clients stream than there are cores.
2. A batch of streams is served, and the same batch is generated offline; steps that decode the whole batch are compared
   by the recordings. Server, clients and engine share the cores, so a served step may take 1 / (1 - share) as long,
   where share is what HTTP process and client used of all cores meanwhile.
3. 200 tokens a second are streamed in 5 new requests a second; the CPU time of the HTTP process is what is told.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.serverbench.server import Server, serving
from benchmarks.serverbench.steps import mean_step
from benchmarks.serverbench.streams import Order, Report
from doubletime import LLM, SamplingParams

HEALTH_BAR_S, STEP_BAR, CPU_BAR = 0.1, 1.1, 0.05
BATCH, PROMPT, OUTPUT = 32, 64, 256
LOADED = 64  # streams at once while /health is asked
EVERY_S = 0.02
RATE, RATE_OUTPUT = 5.0, 40  # 200 tokens a second


@contextmanager
def client(order: Order) -> Iterator[subprocess.Popen[str]]:
    """The client process at work."""
    command = [sys.executable, "-m", "benchmarks.serverbench.streams"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(asdict(order)))
        process.stdin.close()
        yield process


def report(process: subprocess.Popen[str]) -> Report:
    """Waits for it."""
    assert process.stdout is not None
    told = Report(**json.loads(process.stdout.read()))
    if told.failed:
        raise RuntimeError(f"{told.failed} of {told.streams} streams failed")
    return told


def health(server: Server, seconds: float) -> dict[str, Any]:
    """Latencies of /health under load, in seconds."""
    order = Order(server.url, "m", PROMPT, PROMPT, at_once=LOADED, seconds=seconds)
    ask = [sys.executable, "-m", "benchmarks.serverbench.health", server.url, str(EVERY_S), str(seconds)]
    with client(order) as process:
        asked = subprocess.run(ask, capture_output=True, text=True, check=True)
        told = report(process)
    taken = sorted(json.loads(asked.stdout))
    return {
        "asked": len(taken),
        "p50_s": taken[len(taken) // 2],
        "p99_s": taken[int(len(taken) * 0.99)],
        "max_s": taken[-1],
        "tokens_per_s": told.tokens / told.seconds,
    }


def steps(model: list[str], settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A step of the whole batch, served and offline, in seconds."""
    with serving([*model, "--kv-memory", "256MB", "--record", str(folder / "served")]) as server:
        http_s, _ = server.cpu_s()
        with client(Order(server.url, "m", PROMPT, OUTPUT, at_once=BATCH)) as process:
            told = report(process)
        http_s = server.cpu_s()[0] - http_s
    with LLM(*model[:1], kv_memory="256MB", record=str(folder / "offline"), **settings) as llm:
        prompts = [
            {"prompt_token_ids": [5 + (row * 31 + at * at) % 250 for at in range(PROMPT)]} for row in range(BATCH)
        ]
        llm.generate(prompts, SamplingParams(temperature=0, max_tokens=OUTPUT, ignore_eos=True), progress=False)
    served, offline = mean_step(folder / "served", BATCH), mean_step(folder / "offline", BATCH)
    share = (http_s + told.cpu_s) / told.seconds / (os.cpu_count() or 1)
    return {
        "served_s": served,
        "offline_s": offline,
        "ratio": served / offline,
        "share": share,
        "allowed": STEP_BAR / (1 - share),
        "http_us_per_token": http_s / told.tokens * 1e6,
        "client_us_per_token": told.cpu_s / told.tokens * 1e6,
        "tokens_per_s": told.tokens / told.seconds,
    }


def paced(server: Server, seconds: float) -> dict[str, Any]:
    """The CPU time of the HTTP process, as a share of one core."""
    before = server.cpu_s()[0]
    with client(Order(server.url, "m", PROMPT, RATE_OUTPUT, rate=RATE, seconds=seconds)) as process:
        told = report(process)
    used = server.cpu_s()[0] - before
    return {
        "tokens_per_s": told.tokens / told.seconds,
        "cpu": used / told.seconds,
        "us_per_token": used / told.tokens * 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="(default: the one that ships)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of the first and the third part")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    model = [args.model] if args.model else []
    rows: dict[str, Any] = {"cores": os.cpu_count()}
    with serving([*model, "--kv-memory", "256MB"]) as server:
        rows["paced"] = row = paced(server, args.seconds)
        print(
            f"{row['tokens_per_s']:.0f} tokens/s streamed: HTTP process {row['cpu']:.1%} of a core, "
            f"{row['us_per_token']:.0f} µs a token (bar: {CPU_BAR:.0%})"
        )
        rows["health"] = row = health(server, args.seconds)
        print(
            f"/health with {LOADED} streams at once ({row['tokens_per_s']:.0f} tokens/s): "
            f"p50 {row['p50_s'] * 1e3:.1f} ms, p99 {row['p99_s'] * 1e3:.1f} ms (bar: {HEALTH_BAR_S * 1e3:.0f} ms), "
            f"worst of {row['asked']} {row['max_s'] * 1e3:.1f} ms"
        )
    with tempfile.TemporaryDirectory() as folder:
        rows["steps"] = row = steps(model, {}, Path(folder))
    print(
        f"a step of {BATCH} decodes: {row['served_s'] * 1e3:.2f} ms served, {row['offline_s'] * 1e3:.2f} ms offline, "
        f"ratio {row['ratio']:.2f}; HTTP and client used {row['share']:.1%} of the cores (bar: {row['allowed']:.2f}); "
        f"HTTP {row['http_us_per_token']:.0f} µs a token, client {row['client_us_per_token']:.0f} µs"
    )
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
