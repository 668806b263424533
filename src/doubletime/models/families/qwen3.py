"""Qwen3, dense: a Llama layer; the norms on each head's query and key come with its shape."""

from __future__ import annotations

from doubletime.models.families.llama import layer

__all__ = ["layer"]
