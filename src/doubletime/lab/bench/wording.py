"""What prompts look like on the wire. In a conversation a later turn brings along what the server really answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from doubletime.lab.workload.feed import Ticket
from doubletime.lab.workload.prompts import Prompts

_WORDS = (
    "the of and to in is it for on that with as at by this from are was be or an we can if not but all one has had "
    "new more time out up so its who now may than any day our how man see way two him her over"
).split()


@dataclass(slots=True)
class Answer:
    """What came of a request. `tokens` is empty where the server does not tell ids; `usage` is (prompt, output) and
    `cached` how much of the prompt it had in its cache, None where it does not tell."""

    pieces: list[str] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    usage: tuple[int, int] | None = None
    cached: int | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Wording(Protocol):
    """Remembers conversations until `forget`, or until their last turn is answered."""

    def prompt(self, ticket: Ticket) -> Any: ...

    def answered(self, ticket: Ticket, prompt: Any, answer: Answer) -> None: ...

    def forget(self, ticket: Ticket) -> None: ...


class TokenWording:
    """Token ids. Without the answer's ids a later turn has random ones in their place."""

    def __init__(self, prompts: Prompts) -> None:
        self._prompts = prompts

    def prompt(self, ticket: Ticket) -> list[int] | str:
        return ticket.job.text if ticket.job.text is not None else list(self._prompts.tokens(ticket))

    def answered(self, ticket: Ticket, prompt: list[int] | str, answer: Answer) -> None:
        if answer.tokens and isinstance(prompt, list):
            self._prompts.answered(ticket, prompt, answer.tokens)
        else:
            self.forget(ticket)

    def forget(self, ticket: Ticket) -> None:
        self._prompts.forget(ticket)


class _Said(NamedTuple):
    """A conversation so far, and how many tokens the trace says that is."""

    prompt: Any
    tokens: int


class _Spoken:
    """Words, about one a token."""

    def __init__(self, prompts: Prompts) -> None:
        self._prompts = prompts
        self._said: dict[str, _Said] = {}

    def forget(self, ticket: Ticket) -> None:
        self._said.pop(ticket.job.session, None)

    def _before(self, ticket: Ticket) -> tuple[Any, str]:
        """What was said before this turn (None: nothing that it continues), and the words that are new in it."""
        job = ticket.job
        said = self._said.get(job.session) if job.turn else None
        if job.text is not None or said is None or job.prompt <= said.tokens:
            return None, job.text if job.text is not None else _words(self._prompts.tokens(ticket))
        return said.prompt, _words(self._prompts.tokens(ticket)[said.tokens :])

    def _keep(self, ticket: Ticket, so_far: Any) -> None:
        job = ticket.job
        if ticket.jobs_left and job.session and job.text is None:
            self._said[job.session] = _Said(so_far, job.prompt + job.output)
        else:
            self.forget(ticket)


class TextWording(_Spoken):
    """One text; the answer is its continuation."""

    def prompt(self, ticket: Ticket) -> str:
        before, new = self._before(ticket)
        return new if before is None else f"{before} {new}"

    def answered(self, ticket: Ticket, prompt: str, answer: Answer) -> None:
        self._keep(ticket, prompt + answer.text)


class ChatWording(_Spoken):
    """Messages of a user and an assistant by turns."""

    def prompt(self, ticket: Ticket) -> list[dict[str, str]]:
        before, new = self._before(ticket)
        return [*(before or ()), {"role": "user", "content": new}]

    def answered(self, ticket: Ticket, prompt: list[dict[str, str]], answer: Answer) -> None:
        self._keep(ticket, [*prompt, {"role": "assistant", "content": answer.text}])


def _words(tokens: tuple[int, ...]) -> str:
    return " ".join(_WORDS[token % len(_WORDS)] for token in tokens)
