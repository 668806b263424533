"""Weights from GGUF files, as llama.cpp and its tools write them."""

from __future__ import annotations

from doubletime.models.gguf.source import GGUFSource

__all__ = ["GGUFSource"]
