"""SentencePiece vocabularies that llama.cpp converted: the ids that the sentencepiece library gives."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("tokenizers")

from doubletime.decoding.gguf import GGUFTokenizer, gguf_tokenizer
from tests.decoding.gguf.headers import FIXTURES, header
from tests.decoding.gguf.samples import samples

ORIGINAL = json.loads((FIXTURES / "sentencepiece.json").read_text())


def tokenizer(name: str) -> GGUFTokenizer:
    made = gguf_tokenizer(FIXTURES / f"{name}.gguf")
    assert made is not None
    return made


@pytest.mark.parametrize("name", ORIGINAL)
def test_ids_are_those_of_the_original(name: str) -> None:
    """A text that spells a control token is another matter: the engine takes it for one."""
    ours = tokenizer(name)
    for text, expected in zip(samples(300), ORIGINAL[name], strict=True):
        if "<s>" not in text:
            assert ours.encode(text, add_special_tokens=False) == expected, text


@pytest.mark.parametrize("name", ORIGINAL)
def test_texts_survive(name: str) -> None:
    ours = tokenizer(name)
    for text in samples(300):
        ids = ours.encode(text)
        pieces = ours.vocabulary.detokenizer()
        streamed = "".join([*(pieces.push(token) for token in ids), pieces.flush()])
        if "<s>" not in text:
            expected = text.replace("▁", " ")  # in pieces they are one
            assert ours.decode(ids) == expected
            assert streamed == expected


def test_texts_begin_with_bos_and_perhaps_a_space() -> None:
    prefixed, plain = tokenizer("prefixed"), tokenizer("unprefixed")
    for made, pieces in ((prefixed, ["<s>", "▁se", "lf"]), (plain, ["<s>", "se", "lf"])):
        assert [made.backend.id_to_token(token) for token in made.encode("self")] == pieces
        assert made.encode("") == [1]
        assert made.encode("", add_special_tokens=False) == []


def test_control_tokens_are_found_in_texts_and_left_out_of_outputs() -> None:
    made = tokenizer("unprefixed")
    ids = made.encode("<turn>self</s>", add_special_tokens=False)
    assert (ids[0], ids[-1]) == (3, 2)
    assert made.decode(ids) == "self"
    assert made.eos_ids == {2}


def test_without_byte_tokens_a_strange_character_is_unknown() -> None:
    made = GGUFTokenizer(header(model="llama", tokens=["<unk>", "<s>", "</s>", "▁", "a", "▁a"], scores=[0.0] * 6))
    assert made.encode("aé", add_special_tokens=False) == [5, 0]


def test_ids_that_a_file_does_not_name_are_sentencepiece_s() -> None:
    made = GGUFTokenizer(header(model="llama", tokens=["<unk>", "<s>", "</s>", "a"]))
    assert made.special_tokens == {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
