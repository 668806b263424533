"""GGUF files without their weights: header, metadata, and the model shape they describe. Pure Python."""

from __future__ import annotations

from doubletime.shapes.gguf.bounded import BadGGUF
from doubletime.shapes.gguf.config import config_from_gguf, shape_from_gguf
from doubletime.shapes.gguf.file import GGUF, TensorInfo, read_gguf
from doubletime.shapes.gguf.tensor_types import TensorType

__all__ = [
    "GGUF",
    "BadGGUF",
    "TensorInfo",
    "TensorType",
    "config_from_gguf",
    "read_gguf",
    "shape_from_gguf",
]
