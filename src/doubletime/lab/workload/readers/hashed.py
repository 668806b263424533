"""Requests with block hashes: Mooncake's traces and Qwen-Bailian's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from doubletime.lab.workload.content import Blocks, runs_of
from doubletime.lab.workload.job import Job, Session
from doubletime.lab.workload.lines import objects
from doubletime.lab.workload.readers.common import Reading, length, naming, nanoseconds

MOONCAKE_BLOCK = 512
BAILIAN_BLOCK = 16


def mooncake(path: Path, reading: Reading) -> Iterator[Session]:
    """timestamp (ms), input_length, output_length, hash_ids (one for 512 tokens, the last perhaps partly filled)."""
    return _requests(path, 1e-3, MOONCAKE_BLOCK)


def bailian(path: Path, reading: Reading) -> Iterator[Session]:
    """The same keys beside chat_id and parent_chat_id, timestamp in s, blocks of 16 tokens.

    Requests come at their recorded times: the trace says when they came, not when their users read an answer.
    """
    return _requests(path, 1.0, BAILIAN_BLOCK)


def _requests(path: Path, unit: float, block: int) -> Iterator[Session]:
    first, last = None, 0
    for number, item in enumerate(objects(path), start=1):
        with naming(path, number):
            now = nanoseconds(item["timestamp"] * unit)
            first = now if first is None else first
            last = max(last, now - first)
            job = _job(item, block)
        yield Session(last, (job,))


def _job(item: dict[str, Any], block: int) -> Job:
    prompt = length(item["input_length"])
    ids = item.get("hash_ids") or []
    content = Blocks(0, runs_of(ids[: prompt // block]), block)
    return Job(prompt, length(item["output_length"]), content=content, program=str(item.get("type", "")))
