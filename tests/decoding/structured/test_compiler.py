from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("llguidance")

from tokenizers import Tokenizer as Backend
from tokenizers import models, pre_tokenizers

from doubletime.decoding.structured.compiler import Compiler
from doubletime.decoding.structured.spec import Structured
from doubletime.decoding.tokenizer import Tokenizer

DIGITS = Structured("regex", "[0-9]+")


def test_the_same_wish_is_compiled_once(checkpoint: Path) -> None:
    compiler = Compiler(Tokenizer(checkpoint), 500, frozenset({1}))
    first = compiler.compile(DIGITS)
    assert compiler.compile(Structured("regex", "[0-9]+")) is first
    assert first.vocab == 500


def test_old_grammars_give_way(checkpoint: Path) -> None:
    compiler = Compiler(Tokenizer(checkpoint), 500, frozenset({1}))
    first = compiler.compile(DIGITS)
    for length in range(1, 70):
        compiler.compile(Structured("regex", f"a{{{length}}}"))
    assert compiler.compile(DIGITS) is not first


def test_a_bad_grammar_is_refused(checkpoint: Path) -> None:
    compiler = Compiler(Tokenizer(checkpoint), 500, frozenset({1}))
    with pytest.raises(ValueError, match="the regular expression cannot be used"):
        compiler.compile(Structured("regex", "["))


@pytest.mark.parametrize(
    "spec",
    [Structured("regex", "xy(((a{50}){50}){50}){50}"), Structured("grammar", "start: start")],
    ids=["cost", "loop"],
)
def test_what_would_fail_with_the_first_tokens_is_refused_before_there_are_any(
    checkpoint: Path, spec: Structured
) -> None:
    with pytest.raises(ValueError, match="cannot be used"):
        Compiler(Tokenizer(checkpoint), 500, frozenset({1})).compile(spec)


def test_a_grammar_without_any_text_is_told_so(checkpoint: Path) -> None:
    with pytest.raises(ValueError, match="the grammar cannot be used: there is no text that it allows"):
        Compiler(Tokenizer(checkpoint), 500, frozenset({1})).compile(Structured("grammar", "start: start"))


def test_without_an_end_token_there_is_no_end_of_a_grammar(checkpoint: Path) -> None:
    with pytest.raises(ValueError, match="needs an eos token"):
        Compiler(Tokenizer(checkpoint), 500, frozenset()).compile(DIGITS)


def test_a_tokenizer_whose_tokens_are_no_bytes_is_refused(tmp_path: Path) -> None:
    words = Backend(models.WordLevel({"a": 0, "b": 1, "[UNK]": 2}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match="do not work with this model's tokenizer"):
        Compiler(Tokenizer(tmp_path), 3, frozenset({1})).compile(DIGITS)
