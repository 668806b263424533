"""Servers under a multi-turn trace with shared prefixes, and the time from command to first token."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peerbench.engines.engine import Engine
from benchmarks.peerbench.points import Model, Precision
from benchmarks.peerbench.process import PeerFailed, Running, last_lines

_START_LIMIT_S = 300.0
_BENCH_LIMIT_S = 900
_POLL_S = 0.02
STARTED = "command to first token"
Numbers = Iterator[tuple[str, float, str, bool]]


@dataclass(frozen=True, slots=True)
class Trace:
    """Conversations of `turns` requests: a system prompt that many share, then each with all that was said before.

    `load` is how requests come, as a spec of `doubletime bench` begins: `poisson:rate=4`, `closed:concurrency=32`.
    """

    load: str
    requests: int
    seed: int = 5

    @property
    def spec(self) -> str:
        lengths = "prompt=uniform:64:256,output=uniform:32:96,prefix=512,groups=2"
        return f"{self.load},{lengths},turns=4,more=uniform:16:96,think=0.5,n={self.requests},seed={self.seed}"


@dataclass(frozen=True, slots=True)
class Served:
    """A section: every trace, by its name in the table, against one start of a server, and how long that took."""

    traces: dict[str, Trace]
    logs: Path

    def measure(self, engine: Engine, model: Model, precision: Precision) -> Numbers:
        with started(engine, model, precision, self.logs) as (url, seconds):
            yield STARTED, seconds, "s", False
            for name, trace in self.traces.items():
                found = bench(url, trace, model.config["vocab_size"], self.logs / "bench.log")
                yield from numbers(name, found)


@dataclass(frozen=True, slots=True)
class Start:
    """A section: seconds from the command to the first token of a request that waits for the server."""

    logs: Path

    def measure(self, engine: Engine, model: Model, precision: Precision) -> Numbers:
        with started(engine, model, precision, self.logs) as (_, seconds):
            yield STARTED, seconds, "s", False


@contextmanager
def started(engine: Engine, model: Model, precision: Precision, logs: Path) -> Iterator[tuple[str, float]]:
    """(URL, seconds from the command to the first token) of a server that has answered once."""
    port = _free_port()
    launch = engine.server(model, precision, port)
    began = time.perf_counter()
    with Running(launch, logs / f"{engine.name}-server.log") as running:
        url = f"http://127.0.0.1:{port}"
        _first_token(running, url)
        yield url, time.perf_counter() - began


def bench(url: str, trace: Trace, vocab: int, log: Path) -> dict[str, Any]:
    """What `doubletime bench` says of a server under a trace: its result schema."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out, log.open("wb") as said:
        command = [sys.executable, "-m", "doubletime", "bench", url, "--trace", trace.spec, "--vocab", str(vocab)]
        ended = subprocess.run(
            [*command, "--json", out.name], stdout=said, stderr=said, check=False, timeout=_BENCH_LIMIT_S
        )
        if ended.returncode:
            raise PeerFailed(f"bench: {last_lines(log)}")
        found: dict[str, Any] = json.loads(Path(out.name).read_text())
    return found


def numbers(name: str, found: dict[str, Any]) -> Numbers:
    """The figures of a result that are compared. Raises PeerFailed if a request was not answered."""
    counts = found["requests"]
    if counts["completed"] < counts["sent"]:
        raise PeerFailed(f"{name}: {counts['completed']} of {counts['sent']} requests were answered: {counts}")
    yield f"{name}: throughput", found["throughput"]["output_tokens_per_s"], "tokens/s", True
    for key, label in (("ttft_s", "TTFT"), ("tpot_s", "TPOT")):
        for percentile in ("p50", "p99"):
            yield f"{name}: {label} {percentile}", found[key][percentile] * 1e3, "ms", False


def _first_token(running: Running, url: str) -> None:
    """Asks until it is answered, as somebody would who cannot wait."""
    end = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < end:
        if running.process.poll() is not None:
            raise running.failure()
        try:
            return _ask(url)
        except (urllib.error.URLError, OSError):  # not listening yet, or still loading (503)
            time.sleep(_POLL_S)
    raise PeerFailed(f"no answer within {_START_LIMIT_S:g} s")


def _ask(url: str) -> None:
    """Returns at the first event of a streamed completion."""
    with urllib.request.urlopen(f"{url}/v1/models", timeout=10) as reply:
        name = json.load(reply)["data"][0]["id"]
    body = {"model": name, "prompt": list(range(300, 308)), "max_tokens": 2, "stream": True, "temperature": 0}
    request = urllib.request.Request(
        f"{url}/v1/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        while line := reply.readline():
            if line.startswith(b"data: {"):
                return
    raise ConnectionError("the stream had no token")


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])
