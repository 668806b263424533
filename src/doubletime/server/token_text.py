"""What a single token stands for, as replies that speak of tokens show it."""

from __future__ import annotations

import re

from doubletime.decoding.tokenizer import Tokenizer

_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")  # SentencePiece's fallback for what has no token
_SPACE = "\N{LOWER ONE EIGHTH BLOCK}"  # SentencePiece's sign for a space


class TokenText:
    """Looks tokens up in a tokenizer. Without one, a token is called by its number and has no bytes."""

    def __init__(self, tokenizer: Tokenizer | None) -> None:
        self._vocabulary = None if tokenizer is None else tokenizer.vocabulary

    def raw(self, token: int) -> bytes | None:
        """The bytes it adds to a text; those of a special token are its name."""
        if self._vocabulary is None:
            return None
        if self._vocabulary.byte_level:
            return self._vocabulary.bytes_of(token)
        word = self._vocabulary.backend.id_to_token(token) or ""
        byte = _BYTE_TOKEN.fullmatch(word)
        return bytes([int(byte[1], 16)]) if byte else word.replace(_SPACE, " ").encode()

    def text(self, token: int, prefix: str = "") -> str:
        r"""Its text; where it is not whole characters, its bytes as `\xe2\x82`, after OpenAI's `prefix`."""
        raw = self.raw(token)
        if raw is None:
            return f"token_id:{token}"
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return prefix + "".join(f"\\x{byte:02x}" for byte in raw)
