"""MODEL on the command line → a folder. No torch: the HTTP process asks for the tokenizer's folder too."""

from __future__ import annotations

import os
from pathlib import Path

RANDOM = "random:"


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
