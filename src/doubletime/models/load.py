"""MODEL on the command line → a model: a folder, a hub name in the local cache, or `random:NAME`."""

from __future__ import annotations

import os
from pathlib import Path

from doubletime.models.checkpoint import DTYPES, load_checkpoint
from doubletime.models.model import Model
from doubletime.models.random_weights import random_model
from doubletime.shapes import published_shape

RANDOM = "random:"


def load_model(name: str, dtype: str | None = None, device: str = "cpu", seed: int = 0) -> Model:
    """Loads MODEL. `dtype` None: as published, but float32 on a CPU, where the others are slow.

    Raises FileNotFoundError when there is no such model here, BadCheckpoint or UnsupportedModel when there is.
    """
    if dtype is not None and dtype not in DTYPES:
        raise ValueError(f"unknown dtype {dtype!r}; known: {', '.join(DTYPES)}")
    if dtype is None and device == "cpu":
        dtype = "float32"
    if name.startswith(RANDOM):
        shape = published_shape(name.removeprefix(RANDOM))
        return random_model(shape, DTYPES[dtype or shape.dtype], device, seed)
    return load_checkpoint(locate(name), dtype, device)


def locate(name: str) -> Path:
    """The folder of a checkpoint: a path, or the newest snapshot of a hub name in the local Hugging Face cache."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    cached = hub_cache() / f"models--{name.replace('/', '--')}"
    snapshot = _snapshot(cached)
    if snapshot is None:
        raise FileNotFoundError(
            f"no model {name!r}: it is no folder, and {cached} has no snapshot (doubletime does not download; "
            f"`hf download {name}` does). For random weights use {RANDOM}NAME"
        )
    return snapshot


def hub_cache() -> Path:
    """Where huggingface_hub keeps what it downloads."""
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface"))
    return Path(os.environ.get("HF_HUB_CACHE", home / "hub")).expanduser()


def _snapshot(cached: Path) -> Path | None:
    """What `refs/main` points to; without it the newest snapshot that has a config.json."""
    ref = cached / "refs" / "main"
    if ref.is_file() and (named := cached / "snapshots" / ref.read_text().strip()).is_dir():
        return named
    found = [path.parent for path in cached.glob("snapshots/*/config.json")]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)
