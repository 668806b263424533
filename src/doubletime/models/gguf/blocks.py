"""ggml's quantized blocks → codes, scales and minima, without loss.

A block is a run of neighbours in a row. Its bytes are described in ggml (`ggml-common.h`, `dequantize_row_*`); what
they stand for is value = scale × code − min, which is what `Quantized` holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from doubletime.shapes.gguf import TensorType

_SCALE_BYTES = 12  # of the K types: eight scales and eight minima of 6 bits


@dataclass(frozen=True, slots=True)
class Groups:
    """The contents of B blocks: codes uint8 [B, block] one a byte, scales and mins float32 [B, block / group]."""

    codes: Tensor
    scales: Tensor
    mins: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """How the blocks of a type are unpacked, and the form of `Quantized` that they fit: bits of a code, group."""

    bits: int
    group: int
    unpack: Callable[[Tensor], Groups]
    mins: bool = False


def _q8_0(raw: Tensor) -> Groups:
    return Groups(raw[:, 2:] ^ 0x80, _half(raw, 0))  # from −128..127 to 0..255


def _q4_0(raw: Tensor) -> Groups:
    return Groups(_nibbles(raw[:, 2:]), _half(raw, 0))


def _q4_1(raw: Tensor) -> Groups:
    return Groups(_nibbles(raw[:, 4:]), _half(raw, 0), -_half(raw, 2))


def _q5_0(raw: Tensor) -> Groups:
    fives = _nibbles(raw[:, 6:]) | _bits(raw[:, 2:6]) << 4
    return Groups(fives + (128 - 16), _half(raw, 0))


def _q5_1(raw: Tensor) -> Groups:
    return Groups(_nibbles(raw[:, 8:]) | _bits(raw[:, 4:8]) << 4, _half(raw, 0), -_half(raw, 2))


def _q4_k(raw: Tensor) -> Groups:
    scales, mins = _scales_and_mins(raw)
    return Groups(_nibbles_by_32(raw[:, 4 + _SCALE_BYTES :]), scales, mins)


def _q5_k(raw: Tensor) -> Groups:
    """The fifth bits: byte j has those of element j of each of the eight groups."""
    scales, mins = _scales_and_mins(raw)
    first = 4 + _SCALE_BYTES
    shifts = torch.arange(8, dtype=torch.uint8)[:, None]
    fifth = (raw[:, None, first : first + 32] >> shifts & 1).flatten(1)
    return Groups(_nibbles_by_32(raw[:, first + 32 :]) | fifth << 4, scales, mins)


def _q6_k(raw: Tensor) -> Groups:
    """Each half of the block: 64 bytes with the low four bits of 128 codes, 32 bytes with their high two bits."""
    low = raw[:, :128].view(-1, 2, 64)
    high = raw[:, None, 128:192].reshape(-1, 2, 1, 32) >> torch.tensor([0, 2, 4, 6], dtype=torch.uint8)[:, None] & 3
    lows = torch.cat((low & 15, low >> 4), dim=2)
    sixes = lows.flatten(1) | high.flatten(1) << 4
    scales = raw[:, 192:208].view(torch.int8).float() * _half(raw, 208)
    return Groups(sixes + (128 - 32), scales)


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


def _half(raw: Tensor, at: int) -> Tensor:
    """The float16 at byte `at` of each block, as float32 [B, 1]."""
    return raw[:, at : at + 2].contiguous().view(torch.float16).float()


def _nibbles(raw: Tensor) -> Tensor:
    """The low halves of all bytes, then the high ones: [B, n] → [B, 2n]."""
    return torch.cat((raw & 15, raw >> 4), dim=1)


def _nibbles_by_32(raw: Tensor) -> Tensor:
    """`_nibbles` of each run of 32 bytes."""
    runs = raw.reshape(raw.shape[0], -1, 32)
    return torch.cat((runs & 15, runs >> 4), dim=2).flatten(1)


def _bits(raw: Tensor) -> Tensor:
    """The bits of each byte from the lowest: [B, n] → [B, 8n]."""
    return (raw[:, :, None] >> torch.arange(8, dtype=torch.uint8) & 1).flatten(1)


def _scales_and_mins(raw: Tensor) -> tuple[Tensor, Tensor]:
    """The K types' eight scales and minima: 6-bit numbers times the block's own scale, each [B, 8].

    Bytes 0..3 have scales 0..3 in their low six bits, bytes 4..7 minima 0..3. The upper four of each take their low
    four bits from bytes 8..11 (scale in the low half, minimum in the high one), and their top two from bytes 0..7.
    """
    first, second, third = raw[:, 4 : 4 + _SCALE_BYTES].view(-1, 3, 4).unbind(1)
    scales = torch.cat((first & 63, third & 15 | first >> 6 << 4), dim=1)
    mins = torch.cat((second & 63, third >> 4 | second >> 6 << 4), dim=1)
    return _half(raw, 0) * scales.float(), _half(raw, 2) * mins.float()
