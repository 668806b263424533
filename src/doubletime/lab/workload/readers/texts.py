"""Files with text: OpenAI batch requests and conversations."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from doubletime.lab.workload.content import Tokens, pseudo_tokens
from doubletime.lab.workload.job import Job, Session
from doubletime.lab.workload.lines import objects
from doubletime.lab.workload.readers.common import Reading, naming

DEFAULT_OUTPUT = 256  # of a batch request that names no limit
_USERS = ("human", "user")
_MODELS = ("gpt", "assistant", "bot", "chatgpt", "model", "bing", "bard")


def openai_batch(path: Path, reading: Reading) -> Iterator[Session]:
    """custom_id and body, as OpenAI's batch API takes them; the output's length is the body's limit."""
    for number, item in enumerate(objects(path), start=1):
        with naming(path, number):
            body = item["body"]
            text = _text(body["messages"]) if "messages" in body else body["prompt"]
            job = _job(text, _limit(body), reading)
        yield Session(0, (job,))


def _limit(body: dict[str, Any]) -> int:
    limit = body.get("max_completion_tokens") or body.get("max_output_tokens") or body.get("max_tokens")
    return int(limit or DEFAULT_OUTPUT)


def conversations(path: Path, reading: Reading) -> Iterator[Session]:
    """ShareGPT's `conversations` (from, value) or `messages` (role, content): a turn for every answer.

    A turn's prompt is all that was said before; it comes as soon as the answer to the last one is there.
    """
    for number, item in enumerate(objects(path), start=1):
        with naming(path, number):
            jobs = _turns(str(item.get("id", number)), item.get("conversations") or item.get("messages") or [], reading)
        if jobs:
            yield Session(0, jobs)


def _turns(session: str, messages: list[dict[str, Any]], reading: Reading) -> tuple[Job, ...]:
    jobs: list[Job] = []
    said: list[dict[str, Any]] = []
    for message in messages:
        if said and _role(message) in _MODELS and any(_role(earlier) in _USERS for earlier in said):
            answer = len(_encode(_content(message), reading))
            jobs.append(_job(_text(said), max(1, answer), reading, session, len(jobs)))
        said.append(message)
    return tuple(jobs)


def _job(text: str | list[Any], output: int, reading: Reading, session: str = "", turn: int = 0) -> Job:
    """A prompt is text or, in batches, token ids."""
    if isinstance(text, list):
        known = tuple(int(token) for token in chain.from_iterable(t if isinstance(t, list) else [t] for t in text))
        return Job(len(known), output, content=Tokens(known), tokens=known)
    ids = tuple(_encode(text, reading)) or (0,)
    exact = ids if reading.encode else None
    return Job(
        len(ids), output, content=Tokens(ids), session=session, turn=turn, program=session, text=text, tokens=exact
    )


def _encode(text: str, reading: Reading) -> list[int]:
    return list(reading.encode(text)) if reading.encode else pseudo_tokens(text)


def _text(messages: list[dict[str, Any]]) -> str:
    """A conversation as plain text: role and content, a paragraph each."""
    return "".join(f"{_role(message)}: {_content(message)}\n\n" for message in messages)


def _role(message: dict[str, Any]) -> str:
    return str(message.get("from") or message["role"])


def _content(message: dict[str, Any]) -> str:
    """A text, or the texts among a list of parts."""
    content = message["value"] if "value" in message else message["content"]
    if isinstance(content, list):
        return "\n".join(str(part["text"]) for part in content if part.get("type", "text") == "text")
    return str(content)
