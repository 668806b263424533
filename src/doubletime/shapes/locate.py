"""MODEL on the command line → a folder, or a GGUF file. No torch: the HTTP process asks for the tokenizer's too."""

from __future__ import annotations

import os
from pathlib import Path

RANDOM = "random:"
GGUF_SUFFIX = ".gguf"


def locate(name: str) -> Path:
    """The folder of a checkpoint: a path, or the newest snapshot of a hub name in the local Hugging Face cache.

    A GGUF file is its own folder. Raises FileNotFoundError.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if is_gguf(name):
        if not folder.is_file():
            raise FileNotFoundError(f"no model {name!r}: there is no such file")
        return folder
    cached = hub_cache() / f"models--{name.replace('/', '--')}"
    snapshot = _snapshot(cached)
    if snapshot is None:
        raise FileNotFoundError(
            f"no model {name!r}: it is no folder, and {cached} has no snapshot (doubletime does not download; "
            f"`hf download {name}` does). For random weights use {RANDOM}NAME"
        )
    return snapshot


def is_gguf(name: str | Path) -> bool:
    """Whether MODEL is a GGUF file, by its name."""
    return Path(name).suffix == GGUF_SUFFIX


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
