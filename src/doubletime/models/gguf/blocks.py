"""ggml's quantized blocks → codes, scales and minima, without loss.

A block is a run of neighbours in a row. Its bytes are described in ggml (`ggml-common.h`, `dequantize_row_*`); what
they stand for is value = scale × code − min, which is what `Quantized` holds. All in numpy, on one thread: torch would
wait for all of its threads at every operator, which on a busy machine takes many times longer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from doubletime.shapes.gguf import TensorType

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
_LOW, _FOUR = np.uint8(15), np.uint8(4)  # the low half of a byte, and its bits
_SCALE_BYTES = 12  # of the K types: eight scales and eight minima of 6 bits


@dataclass(frozen=True, slots=True)
class Groups:
    """The contents of B blocks: codes as `Quantized` has them, [B, bytes]; scales and mins [B, block / group]."""

    codes: Bytes
    scales: Floats
    mins: Floats | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """How the blocks of a type are unpacked, and the form of `Quantized` that they fit: bits of a code, group."""

    bits: int
    group: int
    unpack: Callable[[Bytes], Groups]  # of [B, bytes of a block]
    mins: bool = False


def _q8_0(raw: Bytes) -> Groups:
    return Groups(raw[:, 2:] ^ np.uint8(128), _half(raw, 0))  # from −128..127 to 0..255


def _q4_0(raw: Bytes) -> Groups:
    return Groups(_neighbours(raw[:, 2:], 16), _half(raw, 0))


def _q4_1(raw: Bytes) -> Groups:
    return Groups(_neighbours(raw[:, 4:], 16), _half(raw, 0), -_half(raw, 2))


def _q5_0(raw: Bytes) -> Groups:
    fives = _nibbles(raw[:, 6:], 16) | _bits(raw[:, 2:6]) << _FOUR
    return Groups(fives + np.uint8(128 - 16), _half(raw, 0))


def _q5_1(raw: Bytes) -> Groups:
    return Groups(_nibbles(raw[:, 8:], 16) | _bits(raw[:, 4:8]) << _FOUR, _half(raw, 0), -_half(raw, 2))


def _q4_k(raw: Bytes) -> Groups:
    scales, mins = _scales_and_mins(raw)
    return Groups(_neighbours(raw[:, 4 + _SCALE_BYTES :], 32), scales, mins)


def _q5_k(raw: Bytes) -> Groups:
    """The fifth bits: byte j has those of element j of each of the eight groups."""
    scales, mins = _scales_and_mins(raw)
    first = 4 + _SCALE_BYTES
    fifth = raw[:, None, first : first + 32] >> np.arange(8, dtype=np.uint8)[:, None] & np.uint8(1)
    return Groups(_nibbles(raw[:, first + 32 :], 32) | _flat(fifth) << _FOUR, scales, mins)


def _q6_k(raw: Bytes) -> Groups:
    """Each half of the block: 64 bytes with the low four bits of 128 codes, 32 bytes with their high two bits."""
    high = raw[:, 128:192].reshape(-1, 2, 1, 32) >> np.array([0, 2, 4, 6], dtype=np.uint8)[:, None] & np.uint8(3)
    sixes = _nibbles(raw[:, :128], 64) | _flat(high) << _FOUR
    scales = raw[:, 192:208].view(np.int8).astype(np.float32) * _half(raw, 208)
    return Groups(sixes + np.uint8(128 - 32), scales)


FORMATS = {
    TensorType.Q8_0: Format(8, 32, _q8_0),
    TensorType.Q4_0: Format(4, 32, _q4_0),
    TensorType.Q4_1: Format(4, 32, _q4_1, mins=True),
    TensorType.Q5_0: Format(8, 32, _q5_0),
    TensorType.Q5_1: Format(8, 32, _q5_1, mins=True),
    TensorType.Q4_K: Format(4, 32, _q4_k, mins=True),
    TensorType.Q5_K: Format(8, 32, _q5_k, mins=True),
    TensorType.Q6_K: Format(8, 16, _q6_k),
}


def _half(raw: Bytes, at: int) -> Floats:
    """The float16 at byte `at` of each block, [B, 1]."""
    return np.ascontiguousarray(raw[:, at : at + 2]).view("<f2").astype(np.float32)


def _flat(values: Bytes) -> Bytes:
    """[B, …] → [B, n]."""
    return values.reshape(len(values), -1)


def _nibbles(raw: Bytes, run: int) -> Bytes:
    """Of each run of bytes the low halves of all, then the high ones: [B, n] → [B, 2n]."""
    runs = raw.reshape(len(raw), -1, 1, run)
    return _flat(np.concatenate((runs & _LOW, runs >> _FOUR), axis=2))


def _neighbours(raw: Bytes, run: int) -> Bytes:
    """What `_nibbles` gives, two a byte, the even one in the low half: [B, n] → [B, n]."""
    runs = raw.reshape(len(raw), -1, 1, run)
    even, odd = runs[..., 0::2], runs[..., 1::2]
    return _flat(np.concatenate((even & _LOW | odd << _FOUR, even >> _FOUR | odd & ~_LOW), axis=2))


def _bits(raw: Bytes) -> Bytes:
    """The bits of each byte from the lowest: [B, n] → [B, 8n]."""
    return np.unpackbits(raw, axis=1, bitorder="little")


def _scales_and_mins(raw: Bytes) -> tuple[Floats, Floats]:
    """The K types' eight scales and minima: 6-bit numbers times the block's own scale, each [B, 8].

    Bytes 0..3 have scales 0..3 in their low six bits, bytes 4..7 minima 0..3. The upper four of each take their low
    four bits from bytes 8..11 (scale in the low half, minimum in the high one), and their top two from bytes 0..7.
    """
    first, second, third = (raw[:, 4 + at : 8 + at] for at in (0, 4, 8))
    scales = np.concatenate((first & 63, third & 15 | first >> 6 << _FOUR), axis=1)
    mins = np.concatenate((second & 63, third >> _FOUR | second >> 6 << _FOUR), axis=1)
    return _half(raw, 0) * scales.astype(np.float32), _half(raw, 2) * mins.astype(np.float32)
