"""How to ask a server for exactly so many tokens: servers differ in what they take."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import Any

from doubletime.lab.bench.wording import ChatWording, TextWording, TokenWording, Wording
from doubletime.lab.workload.feed import Ticket
from doubletime.lab.workload.prompts import Prompts


class Endpoint(Enum):
    """What is measured; `path` follows the server's /v1."""

    COMPLETIONS = "completions"
    CHAT = "chat"

    @property
    def path(self) -> str:
        return "/chat/completions" if self is Endpoint.CHAT else "/completions"


@dataclass(frozen=True, slots=True)
class Dialect:
    """`token_ids`: prompts go as token ids, else as about as many words. `ignore_eos`: it goes on to max_tokens.
    `usage`: it tells its own count of tokens at the end of a stream. `returned`: it tells the token ids of its answers,
    which a later turn of the conversation brings along."""

    endpoint: Endpoint
    token_ids: bool
    ignore_eos: bool
    usage: bool
    returned: bool

    @property
    def prompts(self) -> str:
        """What prompts are made of."""
        return "messages" if self.endpoint is Endpoint.CHAT else "token ids" if self.token_ids else "words"

    def wording(self, prompts: Prompts) -> Wording:
        if self.endpoint is Endpoint.CHAT:
            return ChatWording(prompts)
        return TokenWording(prompts) if self.token_ids else TextWording(prompts)

    def body(self, model: str, ticket: Ticket, prompt: Any) -> dict[str, Any]:
        """The body of a streamed request."""
        field = "messages" if self.endpoint is Endpoint.CHAT else "prompt"
        tokens = ticket.job.output
        body = {"model": model, "max_tokens": tokens, "temperature": 0, "stream": True, field: prompt}
        if self.ignore_eos:
            body["ignore_eos"] = True
        if self.usage:
            body["stream_options"] = {"include_usage": True}
        if self.returned and ticket.jobs_left:
            body["return_token_ids"] = True
        return body


def dialects(endpoint: Endpoint) -> list[Dialect]:
    """The best first: exact lengths, then less and less."""
    both, never = (True, False), (False,)
    asked = (never, both, both, never) if endpoint is Endpoint.CHAT else (both, both, both, both)
    return [
        Dialect(endpoint, token_ids, ignore_eos, usage, returned)
        for token_ids, ignore_eos, usage, returned in product(*asked)
        if token_ids or not returned  # words are followed by words
    ]
