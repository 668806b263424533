from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from doubletime.decoding.tokenizer import Tokenizer

TEXT = "The fox <eos> sleeps 😀"


def declare(folder: Path, name: str = "tokenizer_config.json", **fields: Any) -> None:
    path = folder / name
    path.write_text(json.dumps((json.loads(path.read_text()) if path.exists() else {}) | fields))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"add_bos_token": True},
        {"add_bos_token": False},
        {"add_eos_token": True},
        {"add_bos_token": True, "add_eos_token": True},
    ],
)
@pytest.mark.parametrize("special", [True, False])
def test_ids_are_those_of_transformers(checkpoint: Path, fields: dict[str, bool], special: bool) -> None:
    declare(checkpoint, **fields)
    oracle = PreTrainedTokenizerFast.from_pretrained(checkpoint)
    ours = Tokenizer(checkpoint)
    assert ours.encode(TEXT, add_special_tokens=special) == oracle.encode(TEXT, add_special_tokens=special)
    assert ours.eos_ids == {oracle.eos_token_id}


def test_eos_ids_of_the_generation_config_win(checkpoint: Path) -> None:
    declare(checkpoint, "config.json", eos_token_id=7)
    assert Tokenizer(checkpoint).eos_ids == {7}
    declare(checkpoint, "generation_config.json", eos_token_id=[1, 5])
    assert Tokenizer(checkpoint).eos_ids == {1, 5}


def test_special_tokens_may_be_texts_or_objects(checkpoint: Path) -> None:
    assert Tokenizer(checkpoint).special_tokens == {"bos_token": "<bos>", "eos_token": "<eos>"}


def test_decode_skips_special_tokens(checkpoint: Path) -> None:
    tokenizer = Tokenizer(checkpoint)
    ids = tokenizer.encode("a fox")
    assert tokenizer.decode(ids) == "a fox"
    assert tokenizer.decode(ids, skip_special_tokens=False) == "<bos>a fox"


def test_truncation_and_padding_of_the_file_are_not_used(checkpoint: Path) -> None:
    backend = Tokenizer(checkpoint).backend
    backend.enable_truncation(4)
    backend.enable_padding(length=9)
    backend.save(str(checkpoint / "tokenizer.json"))
    assert len(Tokenizer(checkpoint).encode("one two three four five six seven eight nine ten")) > 9


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no tokenizer\.json"):
        Tokenizer(tmp_path)


def test_a_broken_config_is_named(checkpoint: Path) -> None:
    (checkpoint / "tokenizer_config.json").write_text("{")
    with pytest.raises(ValueError, match=r"tokenizer_config\.json is not JSON"):
        _ = Tokenizer(checkpoint).special_tokens
