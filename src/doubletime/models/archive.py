"""The *.safetensors files of a folder as one table of tensors, of which each is read by itself.

A file is 8 bytes (the length of a JSON header, little-endian), the header (each tensor's dtype, shape and place) and
the tensors' bytes. Only headers are read up front. Nothing stays mapped: a tensor that was read and dropped is freed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

INDEX = "model.safetensors.index.json"
LONGEST_HEADER = 100_000_000  # bytes: what the format allows
DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8,
}  # fmt: skip


class BadCheckpoint(ValueError):
    """A folder that is not a complete checkpoint of the model its config.json describes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A tensor's place: `length` bytes from `start` of a file."""

    file: Path
    dtype: torch.dtype
    size: tuple[int, ...]
    start: int
    length: int

    def read(self) -> Tensor:
        buffer = np.fromfile(self.file, np.uint8, self.length, offset=self.start)
        if buffer.nbytes != self.length:
            raise BadCheckpoint(f"{self.file} ended while it was read")
        return torch.from_numpy(buffer).view(self.dtype).view(self.size)


def archive(folder: Path) -> dict[str, Entry]:
    """Every tensor of the folder's checkpoint by name. Raises BadCheckpoint for files that are missing or damaged."""
    found: dict[str, Entry] = {}
    for file in _files(folder):
        found |= _entries(file)
    return found


def read_json(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise BadCheckpoint(f"{path.parent} has no {path.name}")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadCheckpoint(f"{path} is no JSON: {error}") from None
    if not isinstance(data, dict):
        raise BadCheckpoint(f"{path} holds no JSON object")
    return data


def some(names: Iterable[str]) -> str:
    """The first few, for a message."""
    first = list(names)
    return ", ".join(first[:5]) + (", …" if len(first) > 5 else "")


def _files(folder: Path) -> list[Path]:
    if (folder / INDEX).exists():
        names = sorted(set(read_json(folder / INDEX)["weight_map"].values()))
        missing = [name for name in names if not (folder / name).exists()]
        if missing:
            raise BadCheckpoint(f"{folder} lacks shards that its index names: {some(missing)}")
        return [folder / name for name in names]
    if (folder / "model.safetensors").exists():
        return [folder / "model.safetensors"]
    raise BadCheckpoint(f"{folder} has neither model.safetensors nor {INDEX}")


def _entries(file: Path) -> dict[str, Entry]:
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 0 < length <= min(LONGEST_HEADER, size - 8):
            raise BadCheckpoint(f"{file} is damaged: it has no safetensors header")
        try:
            header: dict[str, dict[str, Any]] = json.loads(stream.read(length))
        except ValueError:
            raise BadCheckpoint(f"{file} is damaged: its header is no JSON") from None
    header.pop("__metadata__", None)
    return {name: _entry(file, name, told, 8 + length, size) for name, told in header.items()}


def _entry(file: Path, name: str, told: dict[str, Any], base: int, file_size: int) -> Entry:
    first, last = told["data_offsets"]
    if told["dtype"] not in DTYPES:
        raise BadCheckpoint(f"{file.name}: {name} has dtype {told['dtype']}; known: {', '.join(DTYPES)}")
    dtype, size = DTYPES[told["dtype"]], tuple(told["shape"])
    if last - first != int(np.prod(size, dtype=np.int64)) * dtype.itemsize:
        raise BadCheckpoint(f"{file} is damaged: {name} takes {last - first} bytes, not those of {list(size)}")
    if base + last > file_size:
        raise BadCheckpoint(f"{file} is cut short: {name} ends at byte {base + last} of {file_size}")
    return Entry(file, dtype, size, base + first, last - first)
