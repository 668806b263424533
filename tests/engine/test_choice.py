"""When an output ends, with which reason, and what of that belongs to its text."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

from tokenizers import Tokenizer

from doubletime.core.vocabulary import Finish
from doubletime.decoding.detokenizer import Vocabulary
from doubletime.decoding.keys import KeyChain
from doubletime.decoding.params import SamplingParams
from doubletime.decoding.text import OutputText
from doubletime.engine.choice import Choice
from doubletime.executors.output import Sampled
from tests.decoding.conftest import byte_level

EOS = 1
BACKEND = byte_level()


def choice_of(**fields: Any) -> Choice:
    params = SamplingParams(**{"max_tokens": 100, **fields})
    text = OutputText(
        Vocabulary(BACKEND), params.stops,
        include_stop=params.include_stop_str_in_output, skip_special=params.skip_special_tokens,
    )  # fmt: skip
    return Choice(3, 0, params, frozenset({EOS}), text, KeyChain(16))


def ids(text: str, backend: Tokenizer = BACKEND) -> list[int]:
    found: list[int] = backend.encode(text, add_special_tokens=False).ids
    return found


def run(choice: Choice, tokens: list[int]) -> tuple[str, Finish | None, str | int | None]:
    """Text, finish and reason once all tokens are in, or it has ended."""
    text = ""
    for token in tokens:
        update, _ = choice.push(Sampled(0, token))
        text += update.text
        if update.finish is not None:
            return text, update.finish, update.stop_reason
    return text, None, None


def test_eos_ends_without_a_reason_of_its_own() -> None:
    assert run(choice_of(), [*ids("the fox"), EOS, 5]) == ("the fox", Finish.STOP, None)


def test_a_stop_token_ends_and_is_the_reason() -> None:
    dog = ids(" dog")[0]
    assert run(choice_of(stop_token_ids=[dog]), ids("the fox dog fox")) == ("the fox", Finish.STOP, dog)
    assert run(choice_of(stop_token_ids=[EOS]), [EOS]) == ("", Finish.STOP, EOS)


def test_what_ends_an_output_may_belong_to_it() -> None:
    fox = ids(" fox")[0]
    kept: dict[str, Any] = {"include_stop_str_in_output": True}
    assert run(choice_of(stop_token_ids=[fox], **kept), ids("the fox dog")) == ("the fox", Finish.STOP, fox)
    assert run(choice_of(stop="fo", **kept), ids("the fox dog")) == ("the fo", Finish.STOP, "fo")
    assert run(choice_of(**kept), [*ids("the"), EOS]) == ("the", Finish.STOP, None)
    assert run(choice_of(skip_special_tokens=False, **kept), [*ids("the"), EOS]) == ("the<eos>", Finish.STOP, None)


def test_special_tokens_are_left_out_unless_they_are_wanted() -> None:
    tokens = [0, *ids("the"), 2]
    assert run(choice_of(), tokens)[0] == "the"
    assert run(choice_of(skip_special_tokens=False), tokens)[0] == "<bos>the<pad>"


def test_ignored_eos_is_a_token_like_any_other_but_a_stop_token_is_not() -> None:
    tokens = [*ids("the"), EOS, *ids(" fox")]
    assert run(choice_of(ignore_eos=True), tokens)[1] is None
    assert run(choice_of(ignore_eos=True, stop_token_ids=[EOS]), tokens)[1:] == (Finish.STOP, EOS)


def test_before_min_tokens_a_stop_string_is_text() -> None:
    tokens = ids("the fox the fox the fox")
    first = run(choice_of(stop=" fox"), tokens)
    later = run(choice_of(stop=" fox", min_tokens=3), tokens)
    assert first == ("the", Finish.STOP, " fox")
    assert later == ("the fox the", Finish.STOP, " fox")


def test_a_stop_string_that_begins_before_min_tokens_and_is_complete_after_counts() -> None:
    tokens = ids("the fox dog")
    assert run(choice_of(stop="x dog", min_tokens=len(tokens)), tokens) == ("the fo", Finish.STOP, "x dog")


def test_a_stop_string_may_begin_inside_a_character_s_tokens() -> None:
    """The tokens of 🤖 are single bytes, none of them a character: the stop string begins with that character."""
    tokens = ids("fox🤖dog")
    assert len(ids("🤖")) > 1
    assert run(choice_of(stop="🤖d"), tokens) == ("fox", Finish.STOP, "🤖d")
    assert run(choice_of(stop="🤖d", include_stop_str_in_output=True), tokens)[0] == "fox🤖d"


def test_a_grammar_that_failed_ends_the_output_with_the_reason() -> None:
    update, keys = choice_of().push(Sampled(0, 5, error="the grammar failed: too complex"))
    assert (update.finish, update.error, update.tokens, keys) == (
        Finish.ERROR, "the grammar failed: too complex", (), ()
    )  # fmt: skip


def test_log_probabilities_come_with_their_rank() -> None:
    update, _ = choice_of(logprobs=1).push(Sampled(0, 5, -0.5, ((7, -0.1),), 2))
    assert [(each.logprob, each.top, each.rank) for each in update.logprobs] == [(-0.5, ((7, -0.1),), 2)]
