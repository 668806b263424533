"""Masks: what a grammar allows next, as a function of the tokens so far."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("llguidance")

import numpy as np
from tokenizers import Tokenizer as Backend

from doubletime.decoding.structured.compiler import Compiler
from doubletime.decoding.structured.matcher import Matcher, masks, without
from doubletime.decoding.structured.spec import Structured
from doubletime.decoding.tokenizer import Tokenizer

END = 1
EXTRA = 7  # the model's vocabulary is larger than the tokenizer's

Make = Callable[[Structured], Matcher]


@pytest.fixture
def tokenizer(checkpoint: Any) -> Tokenizer:
    return Tokenizer(checkpoint)


@pytest.fixture
def make(tokenizer: Tokenizer) -> Make:
    compiler = Compiler(tokenizer, tokenizer.backend.get_vocab_size() + EXTRA, frozenset({END, 2}))
    return lambda spec: compiler.compile(spec).matcher()


def allowed(matcher: Matcher, backend: Backend) -> list[int]:
    vocab = backend.get_vocab_size() + EXTRA
    (row,) = masks([matcher], vocab)
    return np.unpackbits(row.view(np.uint8), bitorder="little", count=vocab).nonzero()[0].tolist()  # type: ignore[no-any-return]


def walk(matcher: Matcher, backend: Backend, seed: int) -> list[int]:
    """A random way to the end."""
    chance, taken = random.Random(seed), list[int]()
    while len(taken) < 400:
        choices = allowed(matcher, backend)
        assert choices, "there is always a way on"
        token = END if END in choices and chance.random() < 0.5 else chance.choice(choices)
        if token in (END, 2):
            return taken
        matcher.extend([token])
        taken.append(token)
    raise AssertionError("no end")


@pytest.mark.parametrize("choice", ['a "b"', "ä\\n", "new\nline", "{}", "/x/", "the fox"])
def test_a_choice_is_given_whole_and_then_only_an_end_may_come(make: Make, tokenizer: Tokenizer, choice: str) -> None:
    matcher = make(Structured("choice", choices=(choice,)))
    tokens = walk(matcher, tokenizer.backend, 3)
    assert tokenizer.decode(tokens) == choice
    assert allowed(matcher, tokenizer.backend) == [END, 2]


@pytest.mark.parametrize("seed", range(8))
def test_every_way_through_a_schema_is_valid_json(make: Make, tokenizer: Tokenizer, seed: int) -> None:
    matcher = make(
        Structured.schema(
            {
                "type": "object",
                "properties": {"é": {"type": "integer", "minimum": -5, "maximum": 5}, "b": {"enum": ["x", None]}},
                "required": ["é", "b"],
                "additionalProperties": False,
            }
        )
    )
    found = json.loads(tokenizer.decode(walk(matcher, tokenizer.backend, seed)))
    assert -5 <= found["é"] <= 5
    assert found["b"] in ("x", None)


def test_the_state_is_a_function_of_the_tokens(make: Make, tokenizer: Tokenizer) -> None:
    """One token at a time or all at once; and one output does not change another's."""
    spec = Structured("regex", "(ab|ba){3}")
    tokens = walk(make(spec), tokenizer.backend, 5)
    stepwise, at_once, untouched = make(spec), make(spec), make(spec)
    for token in tokens[:2]:
        stepwise.extend([token])
    at_once.extend(tokens[:2])
    one, other = allowed(stepwise, tokenizer.backend), allowed(at_once, tokenizer.backend)
    assert one == other
    assert allowed(untouched, tokenizer.backend) == allowed(make(spec), tokenizer.backend)


def test_many_masks_at_once_are_those_of_each(make: Make, tokenizer: Tokenizer) -> None:
    matchers = [make(Structured("regex", pattern)) for pattern in ("a+", "[0-9]+", "(x|y)z")]
    vocab = tokenizer.backend.get_vocab_size() + EXTRA
    together = masks(matchers, vocab)
    assert all(np.array_equal(together[at], masks([matcher], vocab)[0]) for at, matcher in enumerate(matchers))


def test_after_the_end_nothing_is_looked_at(make: Make, tokenizer: Tokenizer) -> None:
    matcher = make(Structured("choice", choices=("a",)))
    matcher.extend([*tokenizer.encode("a", add_special_tokens=False), END, 5, 6])
    assert matcher.error == ""
    assert allowed(matcher, tokenizer.backend) == [END, 2]


def test_a_token_that_the_grammar_does_not_allow_is_an_error_that_stays(make: Make, tokenizer: Tokenizer) -> None:
    matcher = make(Structured("regex", "[0-9]+"))
    matcher.extend(tokenizer.encode("x", add_special_tokens=False))
    assert matcher.error.startswith("the grammar failed")
    matcher.extend(tokenizer.encode("5", add_special_tokens=False))
    assert matcher.error


def test_tokens_are_forbidden_unless_nothing_else_is_left() -> None:
    row = np.array([0b1011, 1 << 31], dtype=np.uint32).view(np.int32)
    without(row, [1, 63, 999])
    assert row.view(np.uint32).tolist() == [0b1001, 0]
    without(row, [0, 3])
    assert row.view(np.uint32).tolist() == [0b1001, 0]
