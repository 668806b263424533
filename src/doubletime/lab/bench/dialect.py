"""How to ask a server for exactly so many tokens: servers differ in what they take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from doubletime.lab.workload.feed import Ticket
from doubletime.lab.workload.prompts import Prompts

_WORDS = (
    "the of and to in is it for on that with as at by this from are was be or an we can if not but all one has had "
    "new more time out up so its who now may than any day our how man see way two him her over"
).split()


@dataclass(frozen=True, slots=True)
class Dialect:
    """`token_ids`: prompts go as token ids, else as about as many words. `ignore_eos`: it goes on to max_tokens.
    `usage`: it tells its own count of tokens at the end of a stream."""

    token_ids: bool
    ignore_eos: bool
    usage: bool

    def body(self, model: str, ticket: Ticket, prompts: Prompts) -> dict[str, Any]:
        """The body of a streamed request to /v1/completions."""
        job = ticket.job
        body: dict[str, Any] = {
            "model": model, "max_tokens": job.output, "temperature": 0, "stream": True,
            "prompt": job.text if job.text is not None else self._prompt(prompts.tokens(ticket)),
        }  # fmt: skip
        if self.ignore_eos:
            body["ignore_eos"] = True
        if self.usage:
            body["stream_options"] = {"include_usage": True}
        return body

    def _prompt(self, tokens: tuple[int, ...]) -> list[int] | str:
        return list(tokens) if self.token_ids else " ".join(_WORDS[token % len(_WORDS)] for token in tokens)


DIALECTS = tuple(
    Dialect(token_ids, ignore_eos, usage)
    for token_ids in (True, False)
    for ignore_eos in (True, False)
    for usage in (True, False)
)
"""The best first: exact lengths, then less and less."""
