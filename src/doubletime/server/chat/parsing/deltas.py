"""The parts of an answer, in the order in which a parser finds them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Content(NamedTuple):
    """Text for the user."""

    text: str


class Thought(NamedTuple):
    """Text that the model wrote before it answered."""

    text: str


class Call(NamedTuple):
    """A call begins. `number` counts the calls of an answer."""

    number: int
    name: str


class Arguments(NamedTuple):
    """More of the JSON text of a call's arguments, as the model wrote it."""

    number: int
    text: str


class Broken(NamedTuple):
    """A call that had begun turns out to be none. `source` is all of its text, for those who have not told it yet."""

    number: int
    source: str


Delta = Content | Thought | Call | Arguments | Broken


def merged(deltas: Iterable[Delta]) -> list[Delta]:
    """The same with neighbouring texts of one kind joined."""
    joined: list[Delta] = []
    for delta in deltas:
        match (joined[-1] if joined else None, delta):
            case (Content(before), Content(text)):
                joined[-1] = Content(before + text)
            case (Thought(before), Thought(text)):
                joined[-1] = Thought(before + text)
            case (Arguments(one, before), Arguments(other, text)) if one == other:
                joined[-1] = Arguments(one, before + text)
            case _:
                joined.append(delta)
    return joined
