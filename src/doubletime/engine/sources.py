"""Where a model's files are. Nothing here imports torch: the HTTP process asks too."""

from __future__ import annotations

from pathlib import Path

from doubletime.decoding.tokenizer import Tokenizer
from doubletime.engine.config import EngineConfig
from doubletime.shapes.locate import RANDOM, is_gguf, locate


def checkpoint_folder(config: EngineConfig) -> Path | None:
    """The folder of the checkpoint, or the GGUF file that it is; None for random weights."""
    if config.model is None:
        return shipped_model()
    return None if config.model.startswith(RANDOM) else locate(config.model)


def shipped_model() -> Path:
    """The model that ships with the package."""
    return Path(__file__).parent.parent / "shipped" / "help-small"


def tokenizer_of(config: EngineConfig) -> Tokenizer | None:
    """The tokenizer named in the settings, else the checkpoint's own; None if there is none."""
    if config.tokenizer is not None and not is_gguf(config.tokenizer):
        return Tokenizer(locate(config.tokenizer))
    folder = checkpoint_folder(config) if config.tokenizer is None else locate(config.tokenizer)
    if folder is not None and is_gguf(folder):
        from doubletime.decoding.gguf import gguf_tokenizer  # loads the tokenizers library

        return gguf_tokenizer(folder)
    return Tokenizer(folder) if folder is not None and (folder / "tokenizer.json").is_file() else None
