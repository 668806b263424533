from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from doubletime.decoding.detokenizer import Vocabulary
from doubletime.decoding.text import OutputText

words = st.text("the fox 😀é", max_size=30)


@given(words, st.lists(st.text("the fox 😀é", min_size=1, max_size=3), max_size=3))
def test_the_text_ends_before_the_stop_string_that_is_complete_first(
    bpe: Tokenizer, text: str, stops: list[str]
) -> None:
    output = OutputText(Vocabulary(bpe), stops)
    given = "".join(output.push([token]) for token in bpe.encode(text, add_special_tokens=False).ids) + output.finish()
    if output.stop is None:
        assert given == text
        assert not any(stop in text for stop in stops)
    else:
        assert text.startswith(given + output.stop)
        assert not any(stop in (given + output.stop)[:-1] for stop in stops)


def test_tokens_after_the_stop_string_are_dropped(bpe: Tokenizer) -> None:
    output = OutputText(Vocabulary(bpe), ["fox"])
    ids = bpe.encode("a fox and a dog", add_special_tokens=False).ids
    assert (output.push(ids), output.stop, output.push(ids), output.finish()) == ("a ", "fox", "", "")


def test_an_incomplete_character_ends_the_text(bpe: Tokenizer) -> None:
    output = OutputText(Vocabulary(bpe), ["z"])
    assert output.push(bpe.encode("é🤖", add_special_tokens=False).ids[:-1]) == "é"
    assert output.finish() == "\ufffd"


def test_without_a_tokenizer_there_is_no_text_and_nothing_to_stop_at() -> None:
    output = OutputText(None)
    assert (output.push([1, 2]), output.finish(), output.stop) == ("", "", None)
    with pytest.raises(ValueError, match="need a tokenizer"):
        OutputText(None, ["x"])
