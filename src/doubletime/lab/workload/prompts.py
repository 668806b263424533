"""Token ids for a job, so that prompts which share blocks in the trace share tokens in the engine."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import shake_128

from doubletime.lab.workload.feed import Ticket
from doubletime.lab.workload.job import Job


class Prompts:
    """Random tokens in [low, high), drawn from each block's key; what has no key is the request's own.

    In a conversation whose answers' blocks have keys, `answered` puts the tokens that the model really gave in their
    place, until `forget` ends the session.
    """

    def __init__(self, low: int, high: int, seed: int = 0) -> None:
        if not 0 <= low < high:
            raise ValueError(f"token ids must be drawn from a range that is not empty, not [{low}, {high})")
        self._low, self._high, self._seed = low, high, seed
        self._said: dict[str, dict[int, list[int]]] = {}  # session → block key → its tokens, where an answer is in them

    def tokens(self, ticket: Ticket) -> tuple[int, ...]:
        """The prompt of a job: exactly `job.prompt` tokens."""
        job = ticket.job
        if job.tokens is not None:
            return job.tokens
        size, said = job.key_tokens, self._said.get(job.session, {})
        tokens: list[int] = []
        for key in _keys(job, job.prompt):
            tokens += said.get(key) or self._draw(f"block {key}", size)
        if len(tokens) < job.prompt:
            tokens += self._draw(f"request {ticket.number}", job.prompt - len(tokens))
        return tuple(tokens[: job.prompt])

    def answered(self, ticket: Ticket, prompt: Sequence[int], answer: Sequence[int]) -> None:
        """What the model said: later turns of the session bring it along."""
        job = ticket.job
        if not (ticket.jobs_left and job.session and job.tokens is None):
            self.forget(ticket)
            return
        size, keys = job.key_tokens, _keys(job, job.prompt + job.output)
        said, text = self._said.setdefault(job.session, {}), [*prompt, *answer]
        for at in range(job.prompt // size, len(keys)):
            known = text[at * size : (at + 1) * size]
            said[keys[at]] = known + self._draw(f"block {keys[at]}", size)[len(known) :]

    def forget(self, ticket: Ticket) -> None:
        self._said.pop(ticket.job.session, None)

    def _draw(self, what: str, count: int) -> list[int]:
        """`count` tokens that depend on `what` and the seed only."""
        data = shake_128(f"{self._seed} {what}".encode()).digest(4 * count)
        span = self._high - self._low
        return [self._low + number % span for number in struct.unpack(f"<{count}I", data)]


def _keys(job: Job, length: int) -> tuple[int, ...]:
    """The keys of the blocks that the first `length` tokens touch, as far as they are known."""
    size = job.key_tokens
    return job.content.keys(-(-length // size) * size) if job.content else ()
