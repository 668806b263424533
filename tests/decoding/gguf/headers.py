"""Headers of GGUF files that are a tokenizer only."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from doubletime.engine.sources import shipped_model
from doubletime.shapes.gguf import GGUF

FIXTURES = Path(__file__).parent / "fixtures"


def header(**keys: Any) -> GGUF:
    """Keys of `tokenizer.ggml`; None: no such key."""
    metadata = {f"tokenizer.ggml.{name}": value for name, value in keys.items() if value is not None}
    return GGUF(Path("model.gguf"), metadata, {})


@cache
def _shipped() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((shipped_model() / "tokenizer.json").read_text(encoding="utf-8"))
    return read


def shipped(**keys: Any) -> GGUF:
    """The tokenizer of the model that ships with the package, as llama.cpp's converter writes it."""
    model = _shipped()["model"]
    special = {token["content"] for token in _shipped()["added_tokens"]}
    texts = sorted(model["vocab"], key=model["vocab"].get)
    whole = {
        "model": "gpt2",
        "pre": "gpt-2",
        "tokens": texts,
        "token_type": [3 if text in special else 1 for text in texts],
        "merges": [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]],
        "eos_token_id": 2,
        "padding_token_id": 3,
        "add_bos_token": False,
    }
    return header(**(whole | keys))


def small(**keys: Any) -> GGUF:
    """A byte-level vocabulary of a few tokens."""
    whole = {
        "model": "gpt2",
        "pre": "gpt-2",
        "tokens": ["<s>", "</s>", "a", "b", "ab", "Ġ", "<tag>"],
        "token_type": [3, 3, 1, 1, 1, 1, 4],
        "merges": ["a b"],
        "bos_token_id": 0,
        "eos_token_id": 1,
    }
    return header(**(whole | keys))
