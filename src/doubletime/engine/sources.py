"""Where a model's files are. Nothing here imports torch: the HTTP process asks too."""

from __future__ import annotations

from pathlib import Path

from doubletime.decoding.tokenizer import Tokenizer
from doubletime.engine.config import EngineConfig
from doubletime.shapes.locate import RANDOM, locate


def checkpoint_folder(config: EngineConfig) -> Path | None:
    """The folder of the checkpoint; None for random weights."""
    if config.model is None:
        return shipped_model()
    return None if config.model.startswith(RANDOM) else locate(config.model)


def shipped_model() -> Path:
    """The model that ships with the package."""
    return Path(__file__).parent.parent / "shipped" / "help-small"


def tokenizer_of(config: EngineConfig) -> Tokenizer | None:
    """The tokenizer named in the settings, else the checkpoint's own; None if there is none."""
    if config.tokenizer is not None:
        return Tokenizer(locate(config.tokenizer))
    folder = checkpoint_folder(config)
    return Tokenizer(folder) if folder is not None and (folder / "tokenizer.json").is_file() else None
