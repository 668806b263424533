"""Block keys: stable 128-bit names of what a KV block depends on. The core compares them and sees nothing else."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import blake2b

_KEY_BYTES = 16


def root_key(extras: bytes = b"") -> int:
    """The parent of a sequence's first block: a hash of all that is not a token (adapter, salt, weights, KV format)."""
    return int.from_bytes(blake2b(extras, digest_size=_KEY_BYTES, person=b"doubletime-root").digest(), "little")


def block_key(parent: int, tokens: Sequence[int]) -> int:
    """blake2b(parent as 16 bytes, then each token id as int32; little-endian), 128 bits."""
    content = parent.to_bytes(_KEY_BYTES, "little") + struct.pack(f"<{len(tokens)}i", *tokens)
    return int.from_bytes(blake2b(content, digest_size=_KEY_BYTES, person=b"doubletime-block").digest(), "little")


class KeyChain:
    """The keys of one growing sequence: key i names tokens [0, (i + 1) * key_tokens) and the extras."""

    def __init__(self, key_tokens: int, extras: bytes = b"") -> None:
        if key_tokens < 1:
            raise ValueError(f"a key covers at least 1 token, not {key_tokens}")
        self._key_tokens = key_tokens
        self._parent = root_key(extras)
        self._tail: list[int] = []

    def extend(self, tokens: Sequence[int]) -> tuple[int, ...]:
        """Takes more tokens; returns the keys that they complete, in order."""
        self._tail.extend(tokens)
        size = self._key_tokens
        whole = len(self._tail) // size * size
        keys = tuple(self._next(self._tail[at : at + size]) for at in range(0, whole, size))
        del self._tail[:whole]
        return keys

    def copy(self) -> KeyChain:
        """An independent chain at the same place, for a fork."""
        twin = KeyChain(self._key_tokens)
        twin._parent, twin._tail = self._parent, list(self._tail)
        return twin

    def _next(self, block: Sequence[int]) -> int:
        self._parent = block_key(self._parent, block)
        return self._parent
