"""Recall tasks: seeded, of the length asked for, with the answer somewhere in the context."""

from __future__ import annotations

import random

import pytest

from doubletime.lab.quality import yardstick
from doubletime.lab.recall import CHANCE, VALUES, copy, lookup, lookups, pairs_for

DATA = yardstick()["recall"]
WORDS = DATA["words"] + DATA["held_out_words"]


def encode(text: str) -> list[int]:
    """Something like a tokenizer: a token for three bytes."""
    return list(text.encode()[::3])


def test_the_same_seed_makes_the_same_tasks() -> None:
    first = lookups(7, encode, 512, 5, WORDS, DATA["held_out_words"])
    assert first == lookups(7, encode, 512, 5, WORDS, DATA["held_out_words"])
    assert first != lookups(8, encode, 512, 5, WORDS, DATA["held_out_words"])


@pytest.mark.parametrize("tokens", [256, 1024, 4096])
def test_prompts_have_about_the_length_asked_for(tokens: int) -> None:
    for task in lookups(1, encode, tokens, 5, WORDS, DATA["held_out_words"]):
        assert 0.75 * tokens < len(encode(task.prompt)) < 1.1 * tokens


def test_the_answer_stands_once_in_the_context_at_its_depth() -> None:
    rng = random.Random(3)
    for _ in range(20):
        task = lookup(rng, WORDS, DATA["held_out_words"], 30)
        key = task.question.removeprefix("What is the value of ").removesuffix("?")
        lines = task.context.splitlines()
        places = [i for i, text in enumerate(lines) if text.startswith(f"- {key}=")]
        assert len(places) == 1
        assert lines[places[0]] == f"- {key}={task.answer}"
        assert task.depth == pytest.approx(places[0] / 29)


def test_asked_keys_are_held_out_of_training() -> None:
    asked = {task.question for task in lookups(1, encode, 256, 50, WORDS, DATA["held_out_words"])}
    assert not any(f"What is the value of {word}?" in asked for word in DATA["words"])


def test_places_are_spread_over_the_context() -> None:
    depths = [task.depth for task in lookups(1, encode, 1024, 200, WORDS, DATA["held_out_words"])]
    assert min(depths) < 0.1
    assert max(depths) > 0.9
    assert 0.4 < sum(depths) / len(depths) < 0.6


def test_chance_is_one_in_as_many_values_as_there_are() -> None:
    assert len(VALUES) * CHANCE == pytest.approx(1.0)
    assert DATA["chance"] == pytest.approx(CHANCE)


def test_there_are_at_least_two_pairs_and_no_more_than_words() -> None:
    assert pairs_for(encode, 1, WORDS) == 2
    assert pairs_for(encode, 10**6, WORDS) == len(WORDS)


def test_a_copy_task_asks_for_its_own_words() -> None:
    task = copy(random.Random(1), WORDS, 5)
    assert task.prompt == f"Repeat: {task.answer}"
    assert len(task.answer.split()) == 5
