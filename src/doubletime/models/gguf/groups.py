"""What a block of quantized numbers holds, and how its bytes are taken apart.

All in numpy, on one thread: torch would wait for all of its threads at every operator, which on a busy machine takes
many times longer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
LOW, FOUR = np.uint8(15), np.uint8(4)  # the low half of a byte, and its bits


@dataclass(frozen=True, slots=True)
class Groups:
    """The contents of B blocks: codes as `Quantized` has them, [B, bytes]; scales and mins [B, block / group]."""

    codes: Bytes
    scales: Floats
    mins: Floats | None = None


def half(raw: Bytes, at: int) -> Floats:
    """The float16 at byte `at` of each block, [B, 1]."""
    return np.ascontiguousarray(raw[:, at : at + 2]).view("<f2").astype(np.float32)


def flat(values: Bytes) -> Bytes:
    """[B, …] → [B, n]."""
    return values.reshape(len(values), -1)


def nibbles(raw: Bytes, run: int) -> Bytes:
    """Of each run of bytes the low halves of all, then the high ones: [B, n] → [B, 2n]."""
    runs = raw.reshape(len(raw), -1, 1, run)
    return flat(np.concatenate((runs & LOW, runs >> FOUR), axis=2))


def neighbours(raw: Bytes, run: int) -> Bytes:
    """What `nibbles` gives, two a byte, the even one in the low half: [B, n] → [B, n]."""
    runs = raw.reshape(len(raw), -1, 1, run)
    even, odd = runs[..., 0::2], runs[..., 1::2]
    return flat(np.concatenate((even & LOW | odd << FOUR, even >> FOUR | odd & ~LOW), axis=2))


def fields(raw: Bytes, run: int, bits: int) -> Bytes:
    """Of each run of bytes the lowest `bits` of all, then the next, and so on: [B, n] → [B, 8n / bits]."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)[:, None]
    return flat(raw.reshape(len(raw), -1, 1, run) >> shifts & np.uint8((1 << bits) - 1))
