"""Where the steps leave their results: `training/out`, beside the code and ignored by git."""

from __future__ import annotations

from pathlib import Path

OUT = Path(__file__).parent / "out"
TOKENIZER = OUT / "tokenizer.json"
STREAM = OUT / "stream.npy"
DATA = OUT / "data.json"
YARDSTICK = OUT / "yardstick.json.gz"


def checkpoint(name: str) -> Path:
    return OUT / f"{name}.pt"


def curve(name: str) -> Path:
    return OUT / f"{name}.jsonl"


def export(name: str) -> Path:
    return OUT / f"help-{name}"
