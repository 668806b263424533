"""ggml's blocks of 256 neighbours in a row (K types): groups of 16 or 32, their scales small integers."""

from __future__ import annotations

import numpy as np

from doubletime.models.gguf.groups import FOUR, LOW, Bytes, Floats, Groups, fields, half, neighbours, nibbles
from doubletime.models.gguf.small_blocks import CENTRED

_SCALE_BYTES = 12  # eight scales and eight minima of 6 bits, or sixteen scales


def q2_k(raw: Bytes) -> Groups:
    """Scales and minima of four bits; the codes are widened."""
    scales, mins = raw[:, :16] & LOW, raw[:, :16] >> FOUR
    codes = fields(raw[:, 16:80], 32, 2)
    return Groups(codes, _times(raw, 80, scales), _times(raw, 82, mins))


def q3_k(raw: Bytes) -> Groups:
    """A code is two bits and, in the first 32 bytes, a third, which is set where four must not be taken off."""
    low, third = fields(raw[:, 32:96], 32, 2), fields(raw[:, :32], 32, 1)
    scales = nibbles(raw[:, 96:104], 8) | fields(raw[:, 104:108], 4, 2) << FOUR
    return Groups(low + third * np.uint8(4) + np.uint8(128 - 4), half(raw, 108) * (scales.astype(np.float32) - 32))


def q4_k(raw: Bytes) -> Groups:
    scales, mins = _scales_and_mins(raw)
    return Groups(neighbours(raw[:, 4 + _SCALE_BYTES :], 32), scales, mins)


def q5_k(raw: Bytes) -> Groups:
    """The fifth bits: byte j has those of element j of each of the eight groups."""
    scales, mins = _scales_and_mins(raw)
    first = 4 + _SCALE_BYTES
    fifth = fields(raw[:, first : first + 32], 32, 1)
    return Groups(nibbles(raw[:, first + 32 :], 32) | fifth << FOUR, scales, mins)


def q6_k(raw: Bytes) -> Groups:
    """Each half of the block: 64 bytes with the low four bits of 128 codes, 32 bytes with their high two bits."""
    sixes = nibbles(raw[:, :128], 64) | fields(raw[:, 128:192], 32, 2) << FOUR
    scales = raw[:, 192:208].view(np.int8).astype(np.float32) * half(raw, 208)
    return Groups(sixes + np.uint8(128 - 32), scales)


def iq4_xs(raw: Bytes) -> Groups:
    """Scales of six bits: the high two of all eight in bytes 2 and 3, the low four in bytes 4 to 7."""
    scales = nibbles(raw[:, 4:8], 1) | fields(raw[:, 2:4], 1, 2) << FOUR
    return Groups(CENTRED[nibbles(raw[:, 8:], 16)], half(raw, 0) * (scales.astype(np.float32) - 32))


def _scales_and_mins(raw: Bytes) -> tuple[Floats, Floats]:
    """The eight scales and minima of Q4_K and Q5_K: 6-bit numbers times the block's own scale, each [B, 8].

    Bytes 0..3 have scales 0..3 in their low six bits, bytes 4..7 minima 0..3. The upper four of each take their low
    four bits from bytes 8..11 (scale in the low half, minimum in the high one), and their top two from bytes 0..7.
    """
    first, second, third = (raw[:, 4 + at : 8 + at] for at in (0, 4, 8))
    six, top = np.uint8(63), np.uint8(6)
    scales = np.concatenate((first & six, third & LOW | first >> top << FOUR), axis=1)
    mins = np.concatenate((second & six, third >> FOUR | second >> top << FOUR), axis=1)
    return _times(raw, 0, scales), _times(raw, 2, mins)


def _times(raw: Bytes, at: int, small: Bytes) -> Floats:
    """Small integers times the float16 at byte `at` of their block."""
    found: Floats = half(raw, at) * small.astype(np.float32)
    return found
