"""The yardstick against models whose scores are known beforehand."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import pytest

from doubletime.lab.quality import QUICK, Effort, measure, yardstick

SMALL = Effort(20, ((256, 5), (512, 5)), 600)
DATA = yardstick()


class Oracle:
    """Knows every answer and looks them up in the context; predicts each token with probability 1/4."""

    longest = 4096

    def encode(self, text: str) -> list[int]:
        return list(text.encode()[::3])

    def answers(self, questions: Sequence[str], max_tokens: int) -> list[str]:
        return [self.answer(question) for question in questions]

    def answer(self, question: str) -> str:
        if asked := re.search(r"What is the value of (\w+)\?$", question):
            found = re.search(rf"- {asked.group(1)}=(\d+)\n", question)
            return found.group(1) if found else "none"
        by_length = sorted(DATA["help"]["facts"], key=lambda fact: -len(fact[0]))
        named = re.search(r"`([^`]+)`|help\(([^)]+)\)", question)
        for name, sentence, _ in by_length:
            if sentence in question:
                return f"`{name}`"
            if (named and name in named.groups()) or (not named and re.search(rf"\b{re.escape(name)}\b", question)):
                return str(sentence)
        return ""

    def logprobs(self, tokens: Sequence[int]) -> list[float]:
        return [math.log(0.25)] * (len(tokens) - 1)

    def agreement(self, windows: Sequence[Sequence[int]]) -> dict[str, float] | None:
        return {"token_match": 1.0, "kl": 0.0}


class Forgetful(Oracle):
    """Sees only the end of a prompt."""

    def answer(self, question: str) -> str:
        return super().answer(question[-300:])


def nothing(part: str) -> None:
    return None


def test_who_knows_everything_scores_full_marks() -> None:
    scores = measure(Oracle(), SMALL, nothing)
    assert scores["recall"] == {"256": 1.0, "512": 1.0}
    assert scores["help"] > 0.9
    assert scores["perplexity"] == pytest.approx(4.0)
    assert scores["agreement"] == {"token_match": 1.0, "kl": 0.0}


def test_a_window_lowers_recall_and_longer_contexts_more() -> None:
    effort = Effort(1, ((256, 40), (2048, 40)), 300)
    recall = measure(Forgetful(), effort, nothing)["recall"]
    assert recall["2048"] < recall["256"] < 1.0


def test_who_knows_nothing_scores_nothing() -> None:
    class Silent(Oracle):
        def answer(self, question: str) -> str:
            return ""

    scores = measure(Silent(), SMALL, nothing)
    assert scores["help"] == scores["help_held_out"] == scores["reverse"] == 0.0
    assert set(scores["recall"].values()) == {0.0}


def test_lengths_that_the_model_does_not_hold_are_left_out() -> None:
    class Short(Oracle):
        longest = 300

    assert set(measure(Short(), QUICK, nothing)["recall"]) == {"256"}


def test_the_uncompressed_model_has_no_agreement_to_report() -> None:
    class Itself(Oracle):
        def agreement(self, windows: Sequence[Sequence[int]]) -> dict[str, float] | None:
            return None

    assert "agreement" not in measure(Itself(), SMALL, nothing)


def test_the_questions_are_many_and_the_phrasings_partly_held_out() -> None:
    data = DATA["help"]
    assert len(data["facts"]) >= 1000
    assert not set(data["forward_seen"]) & set(data["forward_held_out"])
    assert not set(DATA["recall"]["words"]) & set(DATA["recall"]["held_out_words"])
