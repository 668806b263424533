"""Which format a file has, told by its columns or keys."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import NamedTuple

from doubletime.lab.workload.lines import open_text
from doubletime.lab.workload.readers.agents import claude_code, lmcache
from doubletime.lab.workload.readers.common import Reader
from doubletime.lab.workload.readers.hashed import bailian, mooncake
from doubletime.lab.workload.readers.recordings import recording
from doubletime.lab.workload.readers.servegen import servegen
from doubletime.lab.workload.readers.tables import azure, burstgpt, lengths, timed_lengths
from doubletime.lab.workload.readers.texts import conversations, openai_batch

_SNIFF = 1 << 22  # characters of the first object that are read to see its keys


class Format(NamedTuple):
    """A file has it if all `keys` are there; the first in the list that fits wins."""

    name: str
    keys: frozenset[str]
    read: Reader
    timed: bool


def _format(name: str, keys: str, read: Reader, *, timed: bool) -> Format:
    return Format(name, frozenset(keys.split("|")), read, timed)


FORMATS = (
    _format("Azure LLM inference trace", "TIMESTAMP|ContextTokens|GeneratedTokens", azure, timed=True),
    _format("BurstGPT trace", "Timestamp|Request tokens|Response tokens", burstgpt, timed=True),
    _format("lengths with times", "arrived_at|num_prefill_tokens|num_decode_tokens", timed_lengths, timed=True),
    _format("lengths", "num_prefill_tokens|num_decode_tokens", lengths, timed=False),
    _format("Qwen-Bailian trace", "chat_id|parent_chat_id|timestamp|input_length|output_length", bailian, timed=True),
    _format("Mooncake trace", "timestamp|input_length|output_length", mooncake, timed=True),
    _format("agent sessions", "session_id|block_size|requests", claude_code, timed=False),
    _format("agent lengths", "session_id|agent|t_ms|in_chars|out_chars|hash_runs", lmcache, timed=False),
    _format("ServeGen clients", "client|trace|dataset", servegen, timed=True),
    _format("doubletime recording", "doubletime|schema|limits", recording, timed=True),
    _format("OpenAI batch file", "custom_id|body", openai_batch, timed=False),
    _format("conversations", "conversations", conversations, timed=False),
    _format("conversations", "messages", conversations, timed=False),
)


def format_of(path: Path) -> Format:
    """Raises ValueError that lists what is known if the file is none of them, and OSError if it cannot be read."""
    keys = _keys(path)
    for known in FORMATS:
        if known.keys <= keys:
            return known
    listed = "\n".join(f"  {known.name}: {', '.join(sorted(known.keys))}" for known in FORMATS)
    found = ", ".join(sorted(keys)[:12]) or "nothing that is a CSV header or a JSON object"
    raise ValueError(f"{path} is no trace that is known here; it has {found}. Known columns or keys:\n{listed}")


def _keys(path: Path) -> frozenset[str]:
    """Column names of a CSV file, or the keys of the first JSON object."""
    try:
        with open_text(path) as file:
            text = file.read(1 << 12).lstrip()
            if text[:1] in ("{", "["):
                return _first_object(text.lstrip("[ \t\r\n") + file.read(_SNIFF))
            header = next(csv.reader(text.splitlines()[:1]), [])
    except UnicodeDecodeError:
        return frozenset()
    return frozenset(name.strip() for name in header)


def _first_object(text: str) -> frozenset[str]:
    try:
        item, _ = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return frozenset()
    return frozenset(item) if isinstance(item, dict) else frozenset()
