"""Seconds from `doubletime serve` to the first answer of the model that ships, imports included.

python benchmarks/startup.py [--runs N] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path


def one_run() -> tuple[float, float]:
    """(seconds to "ready", seconds to the whole first answer)."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "doubletime", "serve", "--port", "0", "--kv-memory", "64MB"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            ready = server.stdout.readline()
            url = re.search(r"http://\S+", server.stdout.readline())
            took = time.perf_counter() - began
            assert ready.startswith("ready")
            assert url is not None
            body = json.dumps({"model": "help-small", "prompt": "import", "max_tokens": 8}).encode()
            headers = {"Content-Type": "application/json"}
            request = urllib.request.Request(f"{url.group()}/completions", body, headers)
            urllib.request.urlopen(request, timeout=60).read()
            return took, time.perf_counter() - began
        finally:
            server.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    one_run()  # a warm machine: the files are in memory
    runs = [one_run() for _ in range(args.runs)]
    rows = {}
    for name, values in zip(("ready_s", "first_answer_s"), zip(*runs, strict=True), strict=True):
        rows[name] = {"min": min(values), "median": statistics.median(values), "max": max(values)}
        print(f"{name:16}" + "  ".join(f"{key} {value:.2f}" for key, value in rows[name].items()))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
