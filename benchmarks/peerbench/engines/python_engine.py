"""The engines that are called from Python: a job for `python_worker.py` in the engine's own environment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peerbench import python_worker
from benchmarks.peerbench.points import NEW_TOKENS, Point, Rates
from benchmarks.peerbench.process import Launch, PeerFailed, run

WORKER = Path(python_worker.__file__)


def measure(
    engine: str, python: Path, options: Mapping[str, Any], environment: Mapping[str, str], points: Sequence[Point],
    log: Path,
) -> Rates:  # fmt: skip
    """Runs a job; what the worker says of each point. Raises PeerFailed."""
    asked = [[point.kind, point.batch, point.context] for point in points]
    job = json.dumps({"options": dict(options), "points": asked, "new": NEW_TOKENS})
    out, peak = run(Launch((str(python), str(WORKER), engine), environment), log, given=job)
    rates = rates_in(out)
    if missing := [point.label for point in points if point not in rates]:
        raise PeerFailed(f"no rate for {', '.join(missing)}")
    return Rates(rates, peak)


def rates_in(out: str) -> dict[Point, float]:
    """The RATE lines of a worker's output; other lines are the engine's own."""
    found = [json.loads(line.removeprefix("RATE ")) for line in out.splitlines() if line.startswith("RATE ")]
    return {Point(kind, batch, context): rate for kind, batch, context, rate in found}
