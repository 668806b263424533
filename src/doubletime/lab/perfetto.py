"""The steps of a rehearsal as a Chrome trace, which ui.perfetto.dev opens.

Format: Chromium's "Trace Event Format": complete events ("X") with times in microseconds, counters ("C"), and metadata
("M") that names processes and threads. A replica is a process with one track of steps and three counters.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from doubletime.core.vocabulary import Nanoseconds
from doubletime.lab.rehearsal.steps import StepRecord

Event = dict[str, Any]
_STEPS = 1  # the thread of a replica's steps


def write_trace(steps: Iterable[StepRecord], path: Path, about: dict[str, Any]) -> int:
    """Writes the trace, an event a line; `about` is shown as its metadata. How many steps it has. Raises OSError."""
    count = 0
    with path.open("w") as file:
        file.write('{"displayTimeUnit":"ms","traceEvents":[')
        for number, event in enumerate(events(steps)):
            file.write(("," if number else "") + "\n" + json.dumps(event, separators=(",", ":")))
            count += event["args"].get("steps", 0) if event["ph"] == "X" else 0
        file.write(f'\n],"otherData":{json.dumps(about)}}}\n')
    return count


def events(steps: Iterable[StepRecord]) -> Iterator[Event]:
    """The events in the order of the steps; the names of a replica come before its first one."""
    known: set[int] = set()
    for step in steps:
        if step.replica not in known:
            known.add(step.replica)
            yield from _names(step.replica)
        yield _slice(step)
        yield from _counters(step)


def title(step: StepRecord) -> str:
    """What a step held, in short: "prefill 512 + decode 30"."""
    parts = []
    if step.prefill_tokens:
        parts.append(f"prefill {step.prefill_tokens}")
    if step.decodes:
        parts.append(f"decode {step.decodes}")
    return (" + ".join(parts) or "idle") + (f", {step.count} steps" if step.count > 1 else "")


def _names(replica: int) -> Iterator[Event]:
    yield _meta(replica, 0, "process_name", {"name": f"replica {replica}"})
    yield _meta(replica, 0, "process_sort_index", {"sort_index": replica})
    yield _meta(replica, _STEPS, "thread_name", {"name": "steps"})


def _meta(replica: int, thread: int, name: str, args: dict[str, Any]) -> Event:
    return {"ph": "M", "pid": replica, "tid": thread, "name": name, "args": args}


def _slice(step: StepRecord) -> Event:
    kinds = {(False, True): "decode", (True, False): "prefill", (True, True): "mixed", (False, False): "idle"}
    return {
        "ph": "X",
        "pid": step.replica,
        "tid": _STEPS,
        "ts": _microseconds(step.start),
        "dur": _microseconds(step.end - step.start),
        "name": title(step),
        "cat": kinds[step.prefill_tokens > 0, step.decodes > 0],
        "args": {
            "step": step.step,
            "steps": step.count,
            "rows": step.decodes + step.prefill_tokens,
            "prefill tokens": step.prefill_tokens,
            "decodes": step.decodes,
            "running": step.running,
            "waiting": step.waiting,
            "KV blocks": step.used,
            "KV use": round(step.used / step.blocks, 4) if step.blocks else 0.0,
        },
    }


def _counters(step: StepRecord) -> Iterator[Event]:
    for name, value in (("running", step.running), ("waiting", step.waiting), ("KV blocks", step.used)):
        yield {
            "ph": "C",
            "pid": step.replica,
            "ts": _microseconds(step.start),
            "name": name,
            "args": {name: value},
        }


def _microseconds(time: Nanoseconds) -> float:
    return time / 1000
