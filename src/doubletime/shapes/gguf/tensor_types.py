"""How GGUF stores the numbers of a tensor: the types that doubletime reads, and the names of the others."""

from __future__ import annotations

from enum import Enum


class TensorType(Enum):
    """A type by name: its number in files, and how many elements a block of how many bytes holds.

    Numbers and sizes are those of ggml's `ggml_type` and block structures.
    """

    F32 = (0, 1, 4)
    F16 = (1, 1, 2)
    BF16 = (30, 1, 2)
    Q4_0 = (2, 32, 18)
    Q4_1 = (3, 32, 20)
    Q5_0 = (6, 32, 22)
    Q5_1 = (7, 32, 24)
    Q8_0 = (8, 32, 34)
    Q2_K = (10, 256, 84)
    Q3_K = (11, 256, 110)
    Q4_K = (12, 256, 144)
    Q5_K = (13, 256, 176)
    Q6_K = (14, 256, 210)
    IQ4_NL = (20, 32, 18)
    IQ4_XS = (23, 256, 136)

    def __init__(self, number: int, block: int, block_bytes: int) -> None:
        self.number = number
        self.block = block
        self.block_bytes = block_bytes

    @property
    def quantized(self) -> bool:
        return self.block > 1


_BY_NUMBER = {kind.number: kind for kind in TensorType}
_OTHERS = {
    9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
    21: "IQ3_S", 22: "IQ2_S", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
    29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4", 41: "Q1_0", 42: "Q2_0",
}  # fmt: skip


def tensor_type(number: int) -> TensorType:
    """The type with this number. Raises ValueError that names it and lists what is supported."""
    found = _BY_NUMBER.get(number)
    if found is None:
        name = _OTHERS.get(number, f"number {number}, unknown here")
        known = ", ".join(kind.name for kind in TensorType)
        raise ValueError(f"tensor type {name} is not supported (supported: {known}): requantize the file")
    return found
