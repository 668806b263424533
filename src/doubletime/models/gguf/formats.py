"""ggml's quantized types → the form of `Quantized` that holds the same values, without loss.

A block is a run of neighbours in a row. Its bytes are described in ggml (`ggml-common.h`, `dequantize_row_*`); what
they stand for is value = scale × code − min. Codes of other widths than 8 and 4 bits are widened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from doubletime.models.gguf import large_blocks, small_blocks
from doubletime.models.gguf.groups import Bytes, Groups
from doubletime.shapes.gguf import TensorType


@dataclass(frozen=True, slots=True)
class Format:
    """How the blocks of a type are unpacked, and what is made of them: bits of a code, group."""

    bits: int
    group: int
    unpack: Callable[[Bytes], Groups]  # of [B, bytes of a block]
    mins: bool = False


FORMATS = {
    TensorType.Q8_0: Format(8, 32, small_blocks.q8_0),
    TensorType.Q4_0: Format(4, 32, small_blocks.q4_0),
    TensorType.Q4_1: Format(4, 32, small_blocks.q4_1, mins=True),
    TensorType.Q5_0: Format(8, 32, small_blocks.q5_0),
    TensorType.Q5_1: Format(8, 32, small_blocks.q5_1, mins=True),
    TensorType.IQ4_NL: Format(8, 32, small_blocks.iq4_nl),
    TensorType.Q2_K: Format(8, 16, large_blocks.q2_k, mins=True),
    TensorType.Q3_K: Format(8, 16, large_blocks.q3_k),
    TensorType.Q4_K: Format(4, 32, large_blocks.q4_k, mins=True),
    TensorType.Q5_K: Format(8, 32, large_blocks.q5_k, mins=True),
    TensorType.Q6_K: Format(8, 16, large_blocks.q6_k),
    TensorType.IQ4_XS: Format(8, 32, large_blocks.iq4_xs),
}
