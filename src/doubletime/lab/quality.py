"""The yardstick: what a model still knows and can do, in numbers that a lossy technique would move.

The questions belong to the model that ships with doubletime (they come from its training's held-out data), but any
chat model can be asked. Nothing here imports torch: a `Subject` answers and scores.
"""

from __future__ import annotations

import gzip
import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Protocol

from doubletime.lab import recall

WINDOW = 512  # tokens that perplexity is taken over at a time
_LONGEST_ANSWER = 64


class Subject(Protocol):
    """A model under test."""

    @property
    def longest(self) -> int:
        """Tokens of prompt and answer that it holds."""

    def encode(self, text: str) -> list[int]:
        """Token ids, without special tokens."""

    def answers(self, questions: Sequence[str], max_tokens: int) -> list[str]:
        """The greedy answer to each question, asked as a user's message."""

    def logprobs(self, tokens: Sequence[int]) -> list[float]:
        """Natural log-probability of each token but the first, given those before it."""

    def agreement(self, windows: Sequence[Sequence[int]]) -> dict[str, float] | None:
        """How it compares to the uncompressed model, token by token; None if it is that model."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is asked: facts per kind of help question, (length, tasks) of recall, tokens of held-out text."""

    facts: int
    recall: tuple[tuple[int, int], ...]
    tokens: int


FULL = Effort(200, ((256, 50), (512, 50), (1024, 40), (2048, 30), (4096, 12)), 16_384)
QUICK = Effort(48, ((256, 16), (512, 16), (1024, 6)), 3_072)


def yardstick() -> dict[str, Any]:
    """The questions and held-out texts that come with the package."""
    data = files("doubletime.lab").joinpath("yardstick.json.gz").read_bytes()
    loaded: dict[str, Any] = json.loads(gzip.decompress(data))
    return loaded


def measure(subject: Subject, effort: Effort = FULL, progress: Callable[[str], object] = print) -> dict[str, Any]:
    """All scores: shares in [0, 1], perplexity per token, `chance` the share that guessing would get in recall."""
    data = yardstick()
    scores: dict[str, Any] = {"chance": round(recall.CHANCE, 4)}
    progress("help")
    scores |= help_scores(subject, data["help"], effort.facts)
    scores["recall"] = {}
    for length, tasks in effort.recall:
        if length <= subject.longest:
            progress(f"recall {length}")
            scores["recall"][str(length)] = recall_score(subject, data["recall"], length, tasks)
    progress("held-out text")
    return scores | text_scores(subject, data["held_out_texts"], effort.tokens)


def help_scores(subject: Subject, data: dict[str, Any], count: int) -> dict[str, float]:
    """Exact match of the answer: phrasings seen in training, phrasings that were held out, and name from sentence."""
    rng = random.Random(0)
    facts = rng.sample(data["facts"], min(count, len(data["facts"])))
    backwards = [fact for fact in facts if fact[2]]
    return {
        "help": _exact(subject, _forward(facts, data["forward_seen"])),
        "help_held_out": _exact(subject, _forward(facts, data["forward_held_out"])),
        "reverse": _exact(subject, _backward(backwards, data["reverse_seen"], data["reverse_answer"])),
        "reverse_held_out": _exact(subject, _backward(backwards, data["reverse_held_out"], data["reverse_answer"])),
    }


def recall_score(subject: Subject, data: dict[str, Any], length: int, count: int) -> float:
    """Share of lookups answered right in prompts of about `length` tokens."""
    words = data["words"] + data["held_out_words"]
    tasks = recall.lookups(data["seed"], subject.encode, length - 8, count, words, data["held_out_words"])
    return _exact(subject, [(task.prompt, task.answer) for task in tasks], most=8)


def text_scores(subject: Subject, texts: dict[str, str], most: int) -> dict[str, Any]:
    """Perplexity on modules that training never saw, in windows without context before them; and agreement."""
    tokens = [token for text in texts.values() for token in subject.encode(text)][: most + 1]
    windows = [tokens[at : at + WINDOW + 1] for at in range(0, len(tokens) - 1, WINDOW)]
    logprobs = [value for window in windows for value in subject.logprobs(window)]
    scores: dict[str, Any] = {"perplexity": round(math.exp(-sum(logprobs) / len(logprobs)), 3), "tokens": len(logprobs)}
    agreement = subject.agreement(windows)
    return scores | ({} if agreement is None else {"agreement": agreement})


def _forward(facts: Sequence[Sequence[Any]], phrasings: Sequence[str]) -> list[tuple[str, str]]:
    return [(phrasings[i % len(phrasings)].format(n=name), answer) for i, (name, answer, _) in enumerate(facts)]


def _backward(facts: Sequence[Sequence[Any]], phrasings: Sequence[str], answer: str) -> list[tuple[str, str]]:
    return [
        (phrasings[i % len(phrasings)].format(s=sentence), answer.format(n=name))
        for i, (name, sentence, _) in enumerate(facts)
    ]


def _exact(subject: Subject, asked: Sequence[tuple[str, str]], most: int = _LONGEST_ANSWER) -> float:
    answers = subject.answers([question for question, _ in asked], most)
    right = sum(answer.strip() == expected for answer, (_, expected) in zip(answers, asked, strict=True))
    return round(right / max(1, len(asked)), 4)
