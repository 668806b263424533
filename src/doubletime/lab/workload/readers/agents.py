"""Agents: sessions whose next request waits for the answer to the last."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from doubletime.lab.workload.job import Job, Session
from doubletime.lab.workload.lines import objects
from doubletime.lab.workload.readers.common import Reading, blocks, length, naming, nanoseconds

CHARS_A_TOKEN = 4
_CHAR_BLOCK = 256


def claude_code(path: Path, reading: Reading) -> Iterator[Session]:
    """A session a line: `requests` with in, out, think (s) and hash_runs, whose ids are the session's own.

    Closed loop: the next request comes `think` after the answer, sub-agents' among them, in the recorded order.
    """
    for number, item in enumerate(objects(path), start=1):
        with naming(path, number):
            name, block = str(item["session_id"]), int(item["block_size"])
            jobs = tuple(_call(name, turn, number, block, call) for turn, call in enumerate(item["requests"]))
        if jobs:
            yield Session(0, jobs)


def _call(session: str, turn: int, space: int, block: int, call: dict[str, Any]) -> Job:
    prompt = length(call["in"])
    return Job(
        prompt,
        length(call["out"]),
        think=nanoseconds(call.get("think") or 0) if turn else 0,
        content=blocks(space, call["hash_runs"], block, prompt),
        session=session,
        turn=turn,
        program=session,
    )


def lmcache(path: Path, reading: Reading) -> Iterator[Session]:
    """A request a line: in_chars, out_chars (4 characters count as a token), hash_runs of 256 characters, t_ms.

    A request comes at its time since the session's start, but not before the answer to the last one. The lines of a
    session stand together.
    """
    rows = enumerate(objects(path), start=1)
    for _, lines in groupby(rows, key=lambda row: (row[1].get("agent"), row[1].get("session_id"))):
        jobs = []
        for turn, (number, item) in enumerate(lines):
            with naming(path, number):
                jobs.append(_line(turn, item))
        yield Session(0, tuple(jobs))


def _line(turn: int, item: dict[str, Any]) -> Job:
    prompt, session = length(item["in_chars"] / CHARS_A_TOKEN), str(item["session_id"])
    return Job(
        prompt,
        length(item["out_chars"] / CHARS_A_TOKEN),
        offset=nanoseconds(item["t_ms"] / 1e3) if turn else 0,
        content=blocks(0, item["hash_runs"], _CHAR_BLOCK // CHARS_A_TOKEN, prompt),
        session=session,
        turn=turn,
        tenant=str(item["agent"]),
        program=session,
    )
