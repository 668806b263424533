"""ggml's blocks of 32 neighbours in a row: a float16 scale, perhaps a minimum, and codes of 8, 5 or 4 bits."""

from __future__ import annotations

import numpy as np

from doubletime.models.gguf.groups import FOUR, Bytes, Groups, half, neighbours, nibbles

# What the codes of the IQ4 types stand for, times the scale: ggml's kvalues_iq4nl, of which each is below 128.
NON_LINEAR = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113])
CENTRED = (NON_LINEAR + 128).astype(np.uint8)


def q8_0(raw: Bytes) -> Groups:
    return Groups(raw[:, 2:] ^ np.uint8(128), half(raw, 0))  # from −128..127 to 0..255


def q4_0(raw: Bytes) -> Groups:
    return Groups(neighbours(raw[:, 2:], 16), half(raw, 0))


def q4_1(raw: Bytes) -> Groups:
    return Groups(neighbours(raw[:, 4:], 16), half(raw, 0), -half(raw, 2))


def q5_0(raw: Bytes) -> Groups:
    fives = nibbles(raw[:, 6:], 16) | _bits(raw[:, 2:6]) << FOUR
    return Groups(fives + np.uint8(128 - 16), half(raw, 0))


def q5_1(raw: Bytes) -> Groups:
    return Groups(nibbles(raw[:, 8:], 16) | _bits(raw[:, 4:8]) << FOUR, half(raw, 0), -half(raw, 2))


def iq4_nl(raw: Bytes) -> Groups:
    return Groups(CENTRED[nibbles(raw[:, 2:], 16)], half(raw, 0))


def _bits(raw: Bytes) -> Bytes:
    """The bits of each byte from the lowest: [B, n] → [B, 8n]."""
    return np.unpackbits(raw, axis=1, bitorder="little")
