"""From what a user writes as TRACE to a workload."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from doubletime.lab.workload.job import Workload
from doubletime.lab.workload.readers.common import Encode
from doubletime.lab.workload.replay import first, read_file, replay
from doubletime.lab.workload.synthetic import KINDS, synthetic


def open_workload(trace: str, *, seed: int = 0, encode: Encode | None = None, limit: int | None = None) -> Workload:
    """A file (told apart by its columns or keys), `replay:path=FILE,…`, or a synthetic spec.

    `seed` counts where the spec names none; `encode` turns text into token ids; `limit` is the most requests.
    Raises ValueError or OSError that says what is wrong.
    """
    workload = _open(trace, seed, encode)
    if limit is None:
        return workload
    if limit < 1:
        raise ValueError(f"limit must be at least 1, not {limit}")
    requests = min(limit, workload.requests or limit)
    return replace(workload, sessions=lambda: first(limit, workload.sessions()), requests=requests)


def _open(trace: str, seed: int, encode: Encode | None) -> Workload:
    kind, colon, rest = trace.partition(":")
    if colon and kind == "replay":
        return replay(rest, trace, seed, encode)
    if colon and kind in KINDS:
        return synthetic(kind, rest, trace, seed)
    if not Path(trace).is_file():
        kinds = ", ".join(f"{kind}:…" for kind in (*KINDS, "replay"))
        raise ValueError(f"{trace!r} is neither a file nor a spec; specs are {kinds}")
    return read_file(Path(trace), seed, encode)
