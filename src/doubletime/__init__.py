"""doubletime serves language models, and rehearses serving them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from doubletime.version import __version__

if TYPE_CHECKING:
    from doubletime.decoding.params import SamplingParams
    from doubletime.decoding.structured.spec import Structured
    from doubletime.llm import LLM

__all__ = ["LLM", "SamplingParams", "Structured", "__version__"]

_LAZY = {
    "LLM": "doubletime.llm",
    "SamplingParams": "doubletime.decoding.params",
    "Structured": "doubletime.decoding.structured.spec",
}


def __getattr__(name: str) -> Any:
    """LLM brings torch, so it is imported when it is used."""
    if name not in _LAZY:
        raise AttributeError(f"module 'doubletime' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)
