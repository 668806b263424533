"""Reading measured tables: gzipped CSV with a header."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator
from pathlib import Path

SYSTEMS = {"a100": "a100_sxm", "h100": "h100_sxm", "h200": "h200_sxm", "b200": "b200_sxm", "l40s": "l40s"}
CARDS = {"rtx4090": "RTX4090", "rtxpro6000": "RTXPRO6000"}


def rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as file:
        yield from csv.DictReader(file)


def aiconfigurator(data: Path, machine: str, operator: str) -> Path | None:
    """The vLLM table of one operator, or None where that machine was not measured there."""
    if machine not in SYSTEMS:
        return None
    return next(iter(sorted((data / "aiconfigurator" / SYSTEMS[machine]).glob(f"vllm_*_{operator}.csv.gz"))), None)


def card(data: Path, machine: str, table: str) -> list[Path]:
    """LLMServingSim's tables of a card, for example `dense`: one for each model and tensor-parallel degree."""
    if machine not in CARDS:
        return []
    return sorted((data / "llmservingsim" / CARDS[machine]).glob(f"*_{table}.csv.gz"))


def source(path: Path) -> str:
    """Where a table comes from, with the version that was measured."""
    if path.parts[-3] == "aiconfigurator":
        version = re.search(r"_(\d+(?:\.\d+)+)_", path.name)
        return (
            f"aiconfigurator, vLLM {version[1]}" if version else f"aiconfigurator, {path.name.removesuffix('.csv.gz')}"
        )
    return "LLMServingSim, vLLM 0.19.0" if "RTX" in path.parent.name else path.parts[-3]
