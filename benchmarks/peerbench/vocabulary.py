"""A vocabulary that means nothing: random weights need none, but servers answer in text.

Every id is a word of its own, so that all engines have about the same work to turn ids into text.
"""

from __future__ import annotations

from typing import Any

SPECIAL = ("<unk>", "<s>", "</s>")
BYTES = 256


def words(size: int) -> list[str]:
    """The text of each id: the special ones, the 256 bytes that SentencePiece wants, then made-up words."""
    named = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(BYTES))]
    return [*named, *(f"w{number:x}" for number in range(len(named), size))]


def hugging_face(size: int) -> dict[str, dict[str, Any]]:
    """tokenizer.json and tokenizer_config.json: whole words, told apart by spaces."""
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(number, text) for number, text in enumerate(SPECIAL)],
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "WordLevel",
            "vocab": {text: number for number, text in enumerate(words(size))},
            "unk_token": SPECIAL[0],
        },
    }
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": SPECIAL[0],
        "bos_token": SPECIAL[1],
        "eos_token": SPECIAL[2],
    }
    return {"tokenizer.json": tokenizer, "tokenizer_config.json": config}


def _added(number: int, text: str) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": text, "special": True, **flags}
