"""What else a GGUF file says of its tokenizer, what is refused, and that damage is told as such."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("tokenizers")

from doubletime.decoding.chat import ChatTemplate, ChatTemplateError
from doubletime.decoding.gguf import GGUFTokenizer, gguf_tokenizer
from doubletime.engine.config import EngineConfig
from doubletime.engine.sources import tokenizer_of
from doubletime.shapes.gguf import BadGGUF
from tests.decoding.gguf.headers import FIXTURES, header, shipped, small

WITHOUT = FIXTURES.parents[2] / "models/gguf/fixtures/llama.gguf"


def test_a_file_may_have_no_tokenizer() -> None:
    assert gguf_tokenizer(WITHOUT) is None
    assert tokenizer_of(EngineConfig(str(WITHOUT))) is None


def test_the_engine_takes_the_model_s_own_or_another_file_s() -> None:
    path = str(FIXTURES / "prefixed.gguf")
    for config in (EngineConfig(path), EngineConfig(str(WITHOUT), path)):
        tokenizer = tokenizer_of(config)
        assert tokenizer is not None
        assert tokenizer.encode("") == [1]


def test_outputs_end_with_every_token_that_ends_a_turn() -> None:
    """Files name one id; Llama 3 and Qwen end turns with another."""
    assert GGUFTokenizer(shipped(eos_token_id=0)).eos_ids == {0, 2}
    tokens = ["<s>", "</s>", "<|eot_id|>", "a", "b", "<x>", "<y>", "<|eom_id|>"]
    kinds = [3, 3, 3, 1, 1, 3, 3, 1]
    named = small(tokens=tokens, token_type=kinds, merges=[], eot_token_id=5, eom_token_id=6)
    assert GGUFTokenizer(named).eos_ids == {1, 2, 5, 6}


def test_the_chat_template_of_the_file_is_used() -> None:
    file = small()
    template = {"tokenizer.chat_template": "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"}
    chat = ChatTemplate.load(GGUFTokenizer(replace(file, metadata={**file.metadata, **template})))
    assert chat.render([{"role": "user", "content": "ab"}]) == "<s>ab</s>"
    named = {"tokenizer.chat_template.tool_use": "tools", "tokenizer.chat_templates": ["tool_use"]}
    assert GGUFTokenizer(replace(file, metadata={**file.metadata, **named})).chat_templates == {"tool_use": "tools"}
    with pytest.raises(ChatTemplateError, match=r"model\.gguf has no chat template"):
        ChatTemplate.load(GGUFTokenizer(file))


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"pre": "jais-2"}, r"pre-tokenizer 'jais-2' is not supported \(supported: default, gpt-2"),
        ({"tokens": None}, "tokens is missing or empty"),
        ({"tokens": 3}, "tokens is no list"),
        ({"tokens": ["a", 1]}, "tokens has an entry that is no str"),
        ({"tokens": ["a", "b", "ab", "a", "c", "d", "e"]}, "tokens has a token twice"),
        ({"token_type": [1]}, "7 tokens, 1 types and 7 scores"),
        ({"scores": [1.0]}, "7 tokens, 7 types and 1 scores"),
        ({"merges": ["ab"]}, "merges has 'ab', which is no pair"),
        ({"merges": [""]}, "merges has '', which is no pair"),
        ({"eos_token_id": 7}, "eos_token_id is 7: no id of 7 tokens"),
        ({"bos_token_id": "0"}, "bos_token_id is '0'"),
    ],
)
def test_what_cannot_be_used_is_named(keys: dict[str, Any], why: str) -> None:
    with pytest.raises(BadGGUF, match=rf"model\.gguf: .*{why}"):
        GGUFTokenizer(small(**keys))


def test_merges_of_what_is_no_token_are_told_when_the_tokenizer_is_built() -> None:
    with pytest.raises(BadGGUF, match=r"model\.gguf: the tokenizer is damaged: .*xyz"):
        _ = GGUFTokenizer(small(merges=["a xyz"])).backend


def test_other_tokenizers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doubletime.decoding.gguf.tokenizer.read_gguf", lambda path: header(model="bert"))
    with pytest.raises(ValueError, match=r"x\.gguf: tokenizer 'bert' is not supported \(supported: gpt2, llama\)"):
        gguf_tokenizer("x.gguf")


def test_empty_tokens_have_a_name_of_their_own() -> None:
    assert GGUFTokenizer(small(tokens=["<s>", "", "a", "b", "ab", "", "<tag>"])).encode("ab") == [4]


TEXTS = st.lists(st.text(alphabet="ab▁Ġ<>0xAF ", max_size=6), max_size=12)


@given(
    model=st.sampled_from(["gpt2", "llama"]),
    tokens=TEXTS,
    kinds=st.lists(st.integers(0, 7), max_size=12),
    merges=TEXTS,
    text=st.text(max_size=12),
    bos=st.integers(0, 14),
)
def test_a_damaged_vocabulary_never_gives_anything_but_a_value_error(
    model: str, tokens: Sequence[str], kinds: Sequence[int], merges: Sequence[str], text: str, bos: int
) -> None:
    unique = list(dict.fromkeys(tokens))
    types = [*kinds, *[1] * len(unique)][: len(unique)]
    file = header(model=model, tokens=unique, token_type=types, merges=list(merges), bos_token_id=bos)
    with contextlib.suppress(ValueError):
        made = GGUFTokenizer(file)
        assert isinstance(made.decode(made.encode(text)), str)
