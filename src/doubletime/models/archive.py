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
        if not self.length:  # torch gives an empty buffer no other dtype
            return torch.empty(self.size, dtype=self.dtype)
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
        names = sorted(set(_weight_map(folder / INDEX).values()))
        missing = [name for name in names if not (folder / name).exists()]
        if missing:
            raise BadCheckpoint(f"{folder} lacks shards that its index names: {some(missing)}")
        return [folder / name for name in names]
    if (folder / "model.safetensors").exists():
        return [folder / "model.safetensors"]
    raise BadCheckpoint(f"{folder} has neither model.safetensors nor {INDEX}")


def _weight_map(index: Path) -> dict[str, str]:
    found = read_json(index).get("weight_map")
    if not isinstance(found, dict):
        raise BadCheckpoint(f"{index} has no weight_map")
    return found


def _entries(file: Path) -> dict[str, Entry]:
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 0 < length <= min(LONGEST_HEADER, size - 8):
            raise BadCheckpoint(f"{file} is damaged: it has no safetensors header")
        try:
            header = json.loads(stream.read(length))
        except ValueError:
            header = None
    if not isinstance(header, dict):
        raise BadCheckpoint(f"{file} is damaged: its header is no JSON object")
    header.pop("__metadata__", None)
    return {name: _entry(file, name, told, 8 + length, size) for name, told in header.items()}


def _entry(file: Path, name: str, told: dict[str, Any], base: int, file_size: int) -> Entry:
    try:
        (first, last), kind, size = told["data_offsets"], told["dtype"], tuple(told["shape"])
    except (KeyError, TypeError, ValueError):
        first, last, kind, size = -1, -1, "", ()
    if first < 0:
        raise BadCheckpoint(f"{file} is damaged: its header has no sound entry of {name}")
    if kind not in DTYPES:
        raise BadCheckpoint(f"{file.name}: {name} has dtype {kind}; known: {', '.join(DTYPES)}")
    dtype = DTYPES[kind]
    if last - first != int(np.prod(size, dtype=np.int64)) * dtype.itemsize:
        raise BadCheckpoint(f"{file} is damaged: {name} takes {last - first} bytes, not those of {list(size)}")
    if base + last > file_size:
        raise BadCheckpoint(f"{file} is cut short: {name} ends at byte {base + last} of {file_size}")
    return Entry(file, dtype, size, base + first, last - first)
