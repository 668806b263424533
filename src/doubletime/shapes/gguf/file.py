"""The header of a GGUF file (versions 2 and 3): metadata, and where each tensor lies. One file or several parts.

The layout is that of the specification, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from doubletime.shapes.gguf.bounded import BadGGUF, Bounded
from doubletime.shapes.gguf.tensor_types import TensorType, tensor_type
from doubletime.shapes.gguf.values import Value, read_value

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MOST_DIMENSIONS = 4
_PART = re.compile(r"^(.*)-(\d{5})-of-(\d{5})\.gguf$")


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A tensor in a file: `shape` in the order of torch (rows first), `offset` and `size` in bytes."""

    name: str
    kind: TensorType
    shape: tuple[int, ...]
    path: Path
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class GGUF:
    """What the header of a file, or of all its parts, says."""

    path: Path
    metadata: Mapping[str, Value]
    tensors: Mapping[str, TensorInfo]


def read_gguf(path: str | Path) -> GGUF:
    """The header of the file, and of the other parts if it is one of several. Raises BadGGUF, or OSError."""
    paths = _parts(Path(path))
    headers = [_read_part(each) for each in paths]
    tensors: dict[str, TensorInfo] = {}
    for header in headers:
        twice = tensors.keys() & header.tensors.keys()
        if twice:
            raise BadGGUF(f"{header.path} has a tensor that an earlier part has too: {min(twice)}")
        tensors |= header.tensors
    return GGUF(Path(path), headers[0].metadata, tensors)


def _parts(path: Path) -> list[Path]:
    """All parts of a model of which `path` (NAME-00001-of-00003.gguf) is one; itself where the name has no numbers."""
    match = _PART.match(path.name)
    if match is None:
        return [path]
    name, count = match[1], int(match[3])
    found = [path.with_name(f"{name}-{number:05}-of-{count:05}.gguf") for number in range(1, count + 1)]
    missing = [each.name for each in found if not each.is_file()]
    if missing or not found:
        raise BadGGUF(f"{path} is one of {count} parts, and {', '.join(missing[:3]) or 'the first'} is not beside it")
    return found


def _read_part(path: Path) -> GGUF:
    with path.open("rb") as file:
        try:
            return _read_header(path, Bounded(file))
        except ValueError as error:
            raise BadGGUF(f"{path}: {error}") from None


def _read_header(path: Path, data: Bounded) -> GGUF:
    _check_start(data)
    tensor_count = data.count("the number of tensors", 24)
    pairs = data.count("the number of metadata entries", 12)
    metadata: dict[str, Value] = {}
    for _ in range(pairs):
        key = data.text("a metadata key")
        if key in metadata:
            raise BadGGUF(f"the metadata has {key!r} twice")
        metadata[key] = read_value(data, repr(key))
    entries = [_read_entry(data) for _ in range(tensor_count)]
    start = _aligned(data.position, _alignment(metadata))
    return GGUF(path, metadata, _place(path, entries, start, data.size))


def _check_start(data: Bounded) -> None:
    magic = data.take(4, "its magic number")
    if magic != _MAGIC:
        raise BadGGUF(f"it starts with {magic!r}, not {_MAGIC!r}: it is no GGUF file")
    version = data.number("I", "the version")
    if version not in _VERSIONS:
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
        why = "it was written for big-endian machines" if swapped in _VERSIONS else f"supported: {_VERSIONS}"
        raise BadGGUF(f"GGUF version {version} is not supported: {why}")


_Entry = tuple[str, TensorType, tuple[int, ...], int]  # name, type, shape, offset from where the data begins


def _read_entry(data: Bounded) -> _Entry:
    name = data.text("a tensor's name")
    dimensions = data.number("I", f"the dimensions of {name}")
    if dimensions > _MOST_DIMENSIONS:
        raise BadGGUF(f"{name} has {dimensions} dimensions; GGUF allows {_MOST_DIMENSIONS}")
    shape = tuple(data.number("Q", f"the shape of {name}") for _ in range(dimensions))[::-1]
    number = data.number("I", f"the type of {name}")
    try:
        kind = tensor_type(number)
    except ValueError as error:
        raise BadGGUF(f"{name}: {error}") from None
    return name, kind, shape, data.number("Q", f"the offset of {name}")


def _alignment(metadata: Mapping[str, Value]) -> int:
    found = metadata.get("general.alignment", 32)
    if not isinstance(found, int) or found < 8 or found & (found - 1):
        raise BadGGUF(f"general.alignment is {found!r}; a power of two from 8 on is needed")
    return found


def _aligned(position: int, alignment: int) -> int:
    return -(-position // alignment) * alignment


def _place(path: Path, entries: list[_Entry], start: int, file_size: int) -> dict[str, TensorInfo]:
    tensors: dict[str, TensorInfo] = {}
    for name, kind, shape, offset in entries:
        if name in tensors:
            raise BadGGUF(f"it has the tensor {name} twice")
        info = TensorInfo(name, kind, shape, path, start + offset, _size(name, kind, shape))
        if info.offset + info.size > file_size:
            raise BadGGUF(f"{name} runs past the end of the file: it is truncated or damaged")
        tensors[name] = info
    return tensors


def _size(name: str, kind: TensorType, shape: tuple[int, ...]) -> int:
    """Bytes of a tensor: every row is whole blocks."""
    if not shape or shape[-1] % kind.block or 0 in shape:
        raise BadGGUF(f"{name} is {list(shape)}: rows of {kind.name} are blocks of {kind.block}")
    return math.prod(shape) // kind.block * kind.block_bytes
