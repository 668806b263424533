"""Byte-level BPE from GGUF files: the ids of the original tokenizer, and those of llama.cpp for each way to split."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("tokenizers")

from doubletime.decoding.gguf import GGUFTokenizer
from doubletime.decoding.tokenizer import Tokenizer
from doubletime.engine.sources import shipped_model
from tests.decoding.gguf.headers import FIXTURES, shipped, small
from tests.decoding.gguf.samples import samples

LLAMA_CPP = json.loads((FIXTURES / "pre_tokenizers.json").read_text())
CHAT = ["<|im_start|>user\nHi there<|im_end|>\n<|im_start|>assistant\n", "a<|pad|>b<|endoftext|>", "<|im_start"]


def test_ids_and_texts_are_those_of_the_tokenizer_it_came_from() -> None:
    ours, original = GGUFTokenizer(shipped()), Tokenizer(shipped_model())
    for text in [*samples(300), *CHAT]:
        ids = ours.encode(text)
        assert ids == original.encode(text)
        for skip in (True, False):
            assert ours.decode(ids, skip_special_tokens=skip) == original.decode(ids, skip_special_tokens=skip)


@pytest.mark.parametrize("pre", LLAMA_CPP)
def test_texts_are_split_as_llama_cpp_splits_them(pre: str) -> None:
    tokenizer = GGUFTokenizer(shipped(pre=pre))
    for text, expected in zip(samples(100), LLAMA_CPP[pre], strict=True):
        assert tokenizer.encode(text, add_special_tokens=False) == expected, text


def test_the_ways_to_split_differ() -> None:
    assert len({json.dumps(ids) for ids in LLAMA_CPP.values()}) >= 5


def test_without_a_name_the_default_is_taken() -> None:
    assert GGUFTokenizer(shipped(pre=None)).encode("1234 5") == GGUFTokenizer(shipped(pre="default")).encode("1234 5")


def test_qwen_s_texts_are_composed_first() -> None:
    tokenizer = GGUFTokenizer(shipped(pre="qwen2"))
    assert tokenizer.encode("e\u0301") == tokenizer.encode("é")


def test_outputs_stream_as_they_decode() -> None:
    tokenizer = GGUFTokenizer(shipped())
    for text in samples(60):
        pieces = tokenizer.vocabulary.detokenizer()
        streamed = "".join([*(pieces.push(token) for token in tokenizer.encode(text)), pieces.flush()])
        assert streamed == text


def test_user_defined_tokens_are_found_in_texts_and_stay_in_outputs() -> None:
    tokenizer = GGUFTokenizer(small())
    assert tokenizer.encode("ab<tag>a", add_special_tokens=False) == [4, 6, 2]
    assert tokenizer.decode([0, 4, 6, 2, 1]) == "ab<tag>a"


@pytest.mark.parametrize(
    ("keys", "ids"),
    [
        ({}, [4]),
        ({"pre": "llama-bpe"}, [0, 4]),
        ({"pre": "llama-bpe", "add_bos_token": False}, [4]),
        ({"add_bos_token": True}, [0, 4]),
        ({"add_bos_token": True, "add_eos_token": True}, [0, 4, 1]),
        ({"add_bos_token": True, "bos_token_id": None}, [4]),
    ],
)
def test_texts_begin_and_end_as_the_file_says(keys: dict[str, object], ids: list[int]) -> None:
    assert GGUFTokenizer(small(**keys)).encode("ab") == ids
