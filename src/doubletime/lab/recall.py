"""Recall from context: prompts of about N tokens whose answer stands somewhere in the context. Pure Python, seeded.

A task needs general lookup: the keys that are asked were never asked or shown in training, the asked line is placed
uniformly, and every value is as likely as any other, so guessing is right once in 90.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

VALUES = range(10, 100)  # two digits, so that the chance level does not depend on the length
CHANCE = 1 / len(VALUES)

Encode = Callable[[str], Sequence[int]]


@dataclass(frozen=True, slots=True)
class RecallTask:
    """A context, a question about it, its answer; `depth` is where the answer stands, 0 first, 1 last."""

    context: str
    question: str
    answer: str
    depth: float

    @property
    def prompt(self) -> str:
        """The content of the user's message."""
        return self.context + self.question


def line(key: str, value: int | str) -> str:
    return f"- {key}={value}\n"


def question(key: str) -> str:
    return f"What is the value of {key}?"


def lookup(rng: random.Random, words: Sequence[str], asked: Sequence[str], pairs: int) -> RecallTask:
    """`pairs` lines with different keys; the asked key comes from `asked`, its place is uniform."""
    key = rng.choice(asked)
    keys = rng.sample([word for word in words if word != key], pairs - 1)
    place = rng.randrange(pairs)
    keys.insert(place, key)
    values = [rng.choice(VALUES) for _ in keys]
    context = "".join(line(k, v) for k, v in zip(keys, values, strict=True))
    return RecallTask(context, question(key), str(values[place]), place / max(1, pairs - 1))


def copy(rng: random.Random, words: Sequence[str], count: int) -> RecallTask:
    """A list of words to be repeated."""
    text = " ".join(rng.choice(words) for _ in range(count))
    return RecallTask(f"Repeat: {text}", "", text, 0.0)


def pairs_for(encode: Encode, tokens: int, words: Sequence[str], overhead: int = 20) -> int:
    """How many lines make a prompt of about `tokens` tokens; `overhead` covers the chat template and the question."""
    sample = "".join(line(word, VALUES[i % len(VALUES)]) for i, word in enumerate(words[:200]))
    per_line = len(encode(sample)) / min(200, len(words))
    return max(2, min(len(words), int((tokens - overhead) / per_line)))


def lookups(
    seed: int, encode: Encode, tokens: int, count: int, words: Sequence[str], asked: Sequence[str]
) -> list[RecallTask]:
    """`count` tasks of about `tokens` tokens, the same for the same seed."""
    rng = random.Random(f"{seed}-{tokens}")
    pairs = pairs_for(encode, tokens, words)
    return [lookup(rng, words, asked, pairs) for _ in range(count)]
