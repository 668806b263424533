"""Comma-separated files: one request a row."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from doubletime.core.vocabulary import Nanoseconds
from doubletime.lab.workload.job import Job, Session
from doubletime.lab.workload.lines import open_text
from doubletime.lab.workload.readers.common import Reading, length, naming, nanoseconds

Row = dict[str, str]


def azure(path: Path, reading: Reading) -> Iterator[Session]:
    """TIMESTAMP (date and time, 100 ns), ContextTokens, GeneratedTokens: Azure's public LLM traces."""
    return _rows(path, "ContextTokens", "GeneratedTokens", _date)


def burstgpt(path: Path, reading: Reading) -> Iterator[Session]:
    """Timestamp (s), Request tokens, Response tokens: BurstGPT."""
    return _rows(path, "Request tokens", "Response tokens", lambda row: nanoseconds(float(row["Timestamp"])))


def lengths(path: Path, reading: Reading) -> Iterator[Session]:
    """num_prefill_tokens, num_decode_tokens: Vidur's processed traces, without arrival times."""
    return _rows(path, "num_prefill_tokens", "num_decode_tokens", None)


def timed_lengths(path: Path, reading: Reading) -> Iterator[Session]:
    """The same with arrived_at (s)."""
    return _rows(path, "num_prefill_tokens", "num_decode_tokens", lambda row: nanoseconds(float(row["arrived_at"])))


def _rows(path: Path, prompt: str, output: str, time: Callable[[Row], Nanoseconds] | None) -> Iterator[Session]:
    """The first row arrives at 0. A clock that was set back does not make a request come before the last one."""
    first, last = None, 0
    with open_text(path) as file:
        for number, row in enumerate(csv.DictReader(file), start=1):
            with naming(path, number):
                now = time(row) if time else 0
                first = now if first is None else first
                last = max(last, now - first)
                job = Job(length(float(row[prompt])), length(float(row[output])))
            yield Session(last, (job,))


def _date(row: Row) -> Nanoseconds:
    """Nanoseconds since 1970; a time without a zone is UTC."""
    text = row["TIMESTAMP"].strip()
    whole, _, rest = text.partition(".")
    digits = rest[: next((i for i, c in enumerate(rest) if not c.isdigit()), len(rest))]
    moment = datetime.fromisoformat(whole + rest[len(digits) :])
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * 10**9 + int(digits.ljust(9, "0")[:9])
