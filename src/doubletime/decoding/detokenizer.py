"""Token ids to text, one at a time, at a cost that does not grow with the output."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Backend

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_LONGEST_CHARACTER = 4  # bytes of UTF-8, so at most as many tokens
_CONTEXT = 8  # tokens kept to see whether a space belongs between two


class Detokenizer(Protocol):
    """The text of the pieces, joined, is what decoding all ids at once would give. A character is never cut."""

    def push(self, token: int) -> str:
        """The text that this token completes; empty while a character is incomplete."""
        ...

    def flush(self) -> str:
        """The end of the output: what an incomplete character leaves (U+FFFD)."""
        ...


class Vocabulary:
    """What all outputs of one tokenizer share: its special tokens, and the bytes of tokens seen so far."""

    def __init__(self, backend: Backend) -> None:
        from tokenizers.decoders import ByteLevel

        self.backend = backend
        self.byte_level = isinstance(backend.decoder, ByteLevel)
        added = backend.get_added_tokens_decoder()
        self.special = frozenset(token for token, entry in added.items() if entry.special)
        self._bytes: dict[int, bytes] = {}

    def detokenizer(self, context: Sequence[int] = (), skip_special: bool = True) -> Detokenizer:
        """For one new output. `context`: the last prompt tokens, without which some decoders strip a first space."""
        skipped = self.special if skip_special else frozenset[int]()
        return ByteDetokenizer(self, skipped) if self.byte_level else WindowDetokenizer(self, skipped, context)

    def bytes_of(self, token: int) -> bytes:
        """What a token of a byte-level vocabulary stands for; nothing if the vocabulary does not have it."""
        found = self._bytes.get(token)
        if found is None:
            found = self._bytes[token] = token_bytes(self.backend.id_to_token(token) or "")
        return found


class ByteDetokenizer:
    """For byte-level vocabularies: every token is some bytes, and the bytes are UTF-8."""

    def __init__(self, vocabulary: Vocabulary, skipped: frozenset[int]) -> None:
        self._vocabulary = vocabulary
        self._skipped = skipped
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token: int) -> str:
        return "" if token in self._skipped else self._utf8.decode(self._vocabulary.bytes_of(token))

    def flush(self) -> str:
        return self._utf8.decode(b"", final=True)


class WindowDetokenizer:
    """For any decoder: decodes a few tokens with and without the new ones, and takes the difference.

    A run of byte tokens that is not UTF-8 may be given as more or fewer U+FFFD than decoding all ids at once gives.
    """

    def __init__(self, vocabulary: Vocabulary, skipped: frozenset[int], context: Sequence[int] = ()) -> None:
        self._backend = vocabulary.backend
        self._skipped = skipped
        self._context = [token for token in context[-_CONTEXT:] if token not in skipped]
        self._pending: list[int] = []
        while self._decode(self._context).startswith(_REPLACEMENT):  # it begins inside a character
            del self._context[0]

    def push(self, token: int) -> str:
        if token in self._skipped:
            return ""
        self._pending.append(token)
        text = self._new_text()
        if text.endswith(_REPLACEMENT) and len(self._pending) < _LONGEST_CHARACTER:
            return ""
        return self._take(text)

    def flush(self) -> str:
        return self._take(self._new_text()) if self._pending else ""

    def _new_text(self) -> str:
        before = self._decode(self._context)
        after = self._decode(self._context + self._pending)
        return after[len(before) :] if after.startswith(before) else self._decode(self._pending)

    def _take(self, text: str) -> str:
        if len(self._context) >= _CONTEXT:
            self._context = []  # all of it: cut elsewhere, the context could begin inside a character
        self._context += self._pending
        self._pending = []
        return text

    def _decode(self, tokens: list[int]) -> str:
        return self._backend.decode(tokens, skip_special_tokens=bool(self._skipped))


def token_bytes(token: str) -> bytes:
    """The bytes that a token of a byte-level vocabulary stands for; one that is not in that alphabet, its UTF-8."""
    try:
        return bytes(_BYTES[char] for char in token)
    except KeyError:
        return token.encode()


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's alphabet: printable Latin-1 stands for itself, the other bytes for characters from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (byte for byte in range(256) if byte not in printable)
    return {chr(byte): byte for byte in printable} | {chr(0x100 + at): byte for at, byte in enumerate(others)}


_BYTES = _byte_alphabet()
