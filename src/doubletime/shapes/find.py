"""MODEL on the command line → its shape, without its weights: what the rehearsal and `doubletime models` need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from doubletime.shapes.config import shape_from_config
from doubletime.shapes.gguf import read_gguf, shape_from_gguf
from doubletime.shapes.locate import RANDOM, is_gguf, locate
from doubletime.shapes.model_shape import ModelShape
from doubletime.shapes.published import PUBLISHED, published_shape


def find_shape(name: str) -> ModelShape:
    """The shape of a published name, a config.json or its folder, a GGUF file, or a hub name in the local cache.

    Raises ValueError that lists the known names, or FileNotFoundError where a path leads nowhere.
    """
    bare = name.removeprefix(RANDOM)
    if bare.lower() in PUBLISHED:
        return published_shape(bare)
    path = Path(name).expanduser()
    if is_gguf(name):
        return shape_from_gguf(read_gguf(locate(name)))
    if path.is_file():
        return shape_from_config(_read(path))
    if path.is_dir() or "/" in name:
        return shape_from_config(_read(locate(name) / "config.json"))
    return published_shape(bare)


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise FileNotFoundError(f"{path.parent} has no {path.name}")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no JSON object: a model's config.json is needed")
    return found
