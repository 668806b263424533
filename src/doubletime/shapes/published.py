"""Published shapes by name, as the config.json of each model gives them (the fields that matter)."""

from __future__ import annotations

from typing import Any

from doubletime.shapes.catalogue.experts import EXPERTS
from doubletime.shapes.catalogue.gemma import GEMMA
from doubletime.shapes.catalogue.llama import LLAMA
from doubletime.shapes.catalogue.others import OTHERS
from doubletime.shapes.catalogue.qwen import QWEN
from doubletime.shapes.config import shape_from_config
from doubletime.shapes.model_shape import ModelShape

PUBLISHED: dict[str, dict[str, Any]] = LLAMA | QWEN | GEMMA | EXPERTS | OTHERS


def published_shape(name: str) -> ModelShape:
    """The shape of a published model. Raises ValueError that lists the known names."""
    config = PUBLISHED.get(name.lower())
    if config is None:
        raise ValueError(f"unknown published shape {name!r}; known: {', '.join(sorted(PUBLISHED))}")
    return shape_from_config(config)
