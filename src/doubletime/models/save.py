"""Writes a quantized checkpoint, a tensor at a time: memory holds one shard, the disk never a half-written folder."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from doubletime.models.archive import INDEX
from doubletime.models.saved import METHOD, VERSION, encode
from doubletime.models.source import Source
from doubletime.shapes import tensors

SHARD = 500_000_000  # bytes, about


def save_quantized(
    source: Source,
    config: dict[str, Any],
    scheme: str,
    out: Path,
    done: Callable[[], object],
    beside: Iterable[Path] = (),
) -> int:
    """Writes `source` to the new folder `out`; returns the bytes of its tensors.

    `config`: the config.json of the model. `done` is called after each tensor. The files `beside` are copied. Raises
    FileExistsError if `out` is there. The folder gets its name when it is complete.
    """
    if out.exists():
        raise FileExistsError(f"{out} exists: name a new folder")
    with _complete_or_nothing(out) as folder:
        total = _write_shards(source, folder, done)
        for file in beside:
            shutil.copy(file, folder)
        own = config | {"quantization_config": {"quant_method": METHOD, "version": VERSION, "scheme": scheme}}
        (folder / "config.json").write_text(json.dumps(own, indent=2) + "\n", encoding="utf-8")
    return total


def _write_shards(source: Source, folder: Path, done: Callable[[], object]) -> int:
    shard: dict[str, Tensor] = {}
    places: dict[str, str] = {}
    total = held = 0
    for name in tensors(source.shape):
        stored = encode(name, source.read(name))
        size = sum(tensor.nbytes for tensor in stored.values())
        if shard and held + size > SHARD:
            _write(shard, folder, places)
            shard, held = {}, 0
        shard |= stored
        total, held = total + size, held + size
        done()
    _write(shard, folder, places)
    index = {"metadata": {"total_size": total}, "weight_map": places}
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    return total


def _write(shard: dict[str, Tensor], folder: Path, places: dict[str, str]) -> None:
    file = f"model-{len(set(places.values())) + 1:05}.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in shard.items()}, folder / file, {"format": "pt"})
    (folder / file).chmod(0o644)
    places |= dict.fromkeys(shard, file)


@contextmanager
def _complete_or_nothing(out: Path) -> Iterator[Path]:
    """A folder beside `out` that is renamed to it at the end, and removed on an error.

    After a crash it stays, under a name that starts with a dot, and without config.json: it does not load.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        yield folder
        folder.chmod(0o755)
        os.rename(folder, out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
