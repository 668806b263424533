"""The tokenizer inside a GGUF file."""

from __future__ import annotations

from doubletime.decoding.gguf.tokenizer import GGUFTokenizer, gguf_tokenizer

__all__ = ["GGUFTokenizer", "gguf_tokenizer"]
