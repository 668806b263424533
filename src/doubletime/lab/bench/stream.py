"""Reads a streamed answer: the time of every token, and what was said."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from doubletime.core.vocabulary import Nanoseconds
from doubletime.lab.bench.http import Server, lines
from doubletime.lab.bench.wording import Answer

Token = Callable[[Nanoseconds, int], object]


async def stream(server: Server, path: str, body: dict[str, Any], token: Token) -> Answer:
    """Calls `token` with the time and the number of tokens of each chunk that brings some.

    Raises HttpError, OSError or ValueError.
    """
    answer, ended = Answer(), False
    async with aclosing(lines(server, "POST", path, body)) as reply:
        async for line in reply:
            when, data = time.monotonic_ns(), line.removeprefix(b"data:").strip()
            if data == line or not data:
                continue  # a comment, or the end of an event
            if data == b"[DONE]":
                return answer
            item = json.loads(data)
            if "error" in item:
                raise ConnectionError(f"the stream broke off: {_told(item['error'])}")
            for choice in item.get("choices") or ():
                if tokens := _take(answer, choice):
                    token(when, tokens)
                ended = ended or bool(choice.get("finish_reason"))
            if found := item.get("usage"):
                answer.usage = (int(found["prompt_tokens"]), int(found["completion_tokens"]))
                answer.cached = (found.get("prompt_tokens_details") or {}).get("cached_tokens")
    if not ended:
        raise ConnectionError("the stream ended before the answer did")
    return answer


def _take(answer: Answer, choice: dict[str, Any]) -> int:
    """Adds a chunk to the answer; how many tokens it brought, one where the server does not tell their ids."""
    ids = choice.get("token_ids")
    if ids:
        answer.tokens += ids
    if "delta" in choice:  # of a chat: the first chunk may bring the role and no token
        delta = choice["delta"] or {}
        text = delta.get("content") or ""
        brought = bool(text or delta.get("reasoning_content") or delta.get("reasoning") or delta.get("tool_calls"))
    else:
        text = choice.get("text") or ""
        brought = bool(text) or choice.get("finish_reason") is None
    answer.pieces.append(text)
    return len(ids) if ids is not None else int(brought)


def _told(error: Any) -> str:
    said = error.get("message", error) if isinstance(error, dict) else error
    return str(said)[:300]
