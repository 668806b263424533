from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from doubletime.decoding.detokenizer import Vocabulary

some_text = st.one_of(
    st.text(max_size=30), st.sampled_from(["naïve café", "👨‍👩‍👧‍👦 and 🇩🇪", "今日は", " leading", "a  b "])
)


def stream(vocabulary: Vocabulary, ids: list[int], **options: bool) -> list[str]:
    output = vocabulary.detokenizer(**options)
    return [*(output.push(token) for token in ids), output.flush()]


@given(st.lists(st.integers(0, 420), max_size=40), st.booleans())
def test_byte_level_streams_equal_the_full_decode_for_any_tokens(bpe: Tokenizer, ids: list[int], skip: bool) -> None:
    pieces = stream(Vocabulary(bpe), ids, skip_special=skip)
    assert "".join(pieces) == bpe.decode(ids, skip_special_tokens=skip)


@given(some_text)
def test_byte_level_streams_never_cut_a_character(bpe: Tokenizer, text: str) -> None:
    pieces = stream(Vocabulary(bpe), bpe.encode(text, add_special_tokens=False).ids)
    assert "".join(pieces) == text
    assert all("\ufffd" not in piece for piece in pieces) or "\ufffd" in text


@given(some_text)
def test_byte_fallback_streams_equal_the_full_decode(fallback: Tokenizer, text: str) -> None:
    ids = fallback.encode(text).ids
    pieces = stream(Vocabulary(fallback), ids)
    assert "".join(pieces) == fallback.decode(ids)
    assert all("\ufffd" not in piece for piece in pieces) or "\ufffd" in text


@given(st.lists(st.integers(258, 330), max_size=30), st.integers(0, 30))
def test_with_the_prompt_as_context_a_first_space_is_kept(fallback: Tokenizer, ids: list[int], cut: int) -> None:
    prompt, output = ids[:cut], ids[cut:]
    detokenizer = Vocabulary(fallback).detokenizer(context=prompt)
    text = "".join(detokenizer.push(token) for token in output) + detokenizer.flush()
    assert fallback.decode(prompt) + text == fallback.decode(ids)


def test_a_context_that_begins_inside_a_character_does_no_harm(fallback: Tokenizer) -> None:
    prompt, output = fallback.encode("🤖🤖🤖").ids, fallback.encode("🦊").ids[1:]
    detokenizer = Vocabulary(fallback).detokenizer(context=prompt[:-1] + prompt[-4:])
    assert "".join(detokenizer.push(token) for token in output).endswith("🦊")


def test_an_incomplete_character_is_held_and_flushed_as_a_replacement(bpe: Tokenizer) -> None:
    ids = bpe.encode("x🤖", add_special_tokens=False).ids
    pieces = stream(Vocabulary(bpe), ids[:-1])
    assert "".join(pieces[:-1]) == "x"
    assert pieces[-1] == "\ufffd"


def test_the_window_flushes_an_incomplete_character_too(fallback: Tokenizer) -> None:
    ids = fallback.encode("the 🤖").ids
    pieces = stream(Vocabulary(fallback), ids[:-1])
    assert "".join(pieces[:-1]) == "the "
    assert set(pieces[-1]) == {"\ufffd"}
    assert stream(Vocabulary(fallback), ids[:1])[-1] == ""


def test_broken_bytes_do_not_stay_pending(fallback: Tokenizer) -> None:
    token = fallback.token_to_id("<0xFF>")
    detokenizer = Vocabulary(fallback).detokenizer()
    assert "".join(detokenizer.push(token) for _ in range(400)).count("\ufffd") >= 397


@pytest.mark.parametrize("name", ["bpe", "fallback"])
def test_a_long_output_costs_no_more_per_token(name: str, request: pytest.FixtureRequest) -> None:
    backend = request.getfixturevalue(name)
    ids = backend.encode("The quick brown fox. " * 2000).ids
    detokenizer = Vocabulary(backend).detokenizer()
    halves = []
    for half in (ids[: len(ids) // 2], ids[len(ids) // 2 :]):
        started = time.process_time()
        for token in half:
            detokenizer.push(token)
        halves.append(time.process_time() - started)
    assert halves[1] < 4 * halves[0] + 0.05
