"""Reads a checkpoint in Hugging Face layout: config.json, *.safetensors (single or sharded), generation_config.json."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from doubletime.models.archive import BadCheckpoint, Entry, archive, read_json, some
from doubletime.models.formats import packing_of
from doubletime.models.packing import Size
from doubletime.models.quantized import Quantized
from doubletime.shapes import ModelShape, check_runnable, shape_from_config, tensors

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class SafetensorsSource:
    """A folder's tensors, checked against the shape in its config.json before any is read.

    `dtype` None keeps that of config.json. Quantized ones are read as they are (`formats.py`). Raises BadCheckpoint for
    missing, unexpected or mis-shaped tensors, UnsupportedModel for a model that doubletime would compute wrongly.
    """

    def __init__(self, folder: Path, dtype: torch.dtype | None = None) -> None:
        self.shape = read_shape(folder)
        check_runnable(self.shape)
        self.dtype = dtype or DTYPES[self.shape.dtype]
        self._packing = packing_of(read_json(folder / "config.json"))
        self._sizes = tensors(self.shape)
        self._found = _named(archive(folder))
        self._parts = dict(self._packed())
        self._check()

    @property
    def quantized(self) -> bool:
        """Whether matrices are stored quantized."""
        return self._packing is not None

    def __contains__(self, name: object) -> bool:
        return name in self._sizes

    def read(self, name: str) -> Tensor | Quantized:
        parts = self._parts.get(name)
        if parts is None or self._packing is None:
            return self._found[name].read().to(self.dtype)
        stem = self._packing.stem(name)
        stored = {part: self._found[stem + part].read() for part in parts}
        made = self._packing.decode(stored, self._sizes[name])
        return made if isinstance(made, Quantized) else made.to(self.dtype)

    def _packed(self) -> Iterator[tuple[str, dict[str, Size]]]:
        """The matrices that are stored packed, with their parts."""
        if self._packing is None:
            return
        stored = {name: entry.size for name, entry in self._found.items()}
        for name, size in self._sizes.items():
            if len(size) == 2 and (parts := self._packing.parts(self._packing.stem(name), size, stored)):
                yield name, parts

    def _wanted(self) -> dict[str, Size]:
        """Every tensor that has to be stored."""
        wanted: dict[str, Size] = {}
        for name, size in self._sizes.items():
            stem = self._packing.stem(name) if self._packing else ""
            parts = self._parts.get(name)
            wanted |= {name: size} if parts is None else {stem + part: each for part, each in parts.items()}
        return wanted

    def _check(self) -> None:
        wanted = self._wanted()
        missing = [name for name in wanted if name not in self._found]
        if missing:
            raise BadCheckpoint(f"the checkpoint lacks {len(missing)} tensors: {some(missing)}")
        for name, entry in self._found.items():
            if name not in wanted:
                _let_through(name, entry, self.shape)
            elif entry.size != wanted[name]:
                raise BadCheckpoint(f"{name} is {list(entry.size)}; config.json makes it {list(wanted[name])}")


def _named(found: dict[str, Entry]) -> dict[str, Entry]:
    """Tensors by the names that they have in a model with a head: embedding models are often stored without one."""
    if "embed_tokens.weight" not in found:
        return found
    return {name if name.startswith("lm_head.") else f"model.{name}": entry for name, entry in found.items()}


def _let_through(name: str, entry: Entry, shape: ModelShape) -> None:
    """Refuses a tensor that the model does not have, except those without effect.

    They are a tied head that was stored all the same, the rotary buffers of old checkpoints, and the zeros that some
    quantizers write for biases that a model lacks.
    """
    tied = shape.tied and name.startswith("lm_head.")
    if tied or name.endswith("rotary_emb.inv_freq"):
        return
    if name.endswith("_proj.bias") and not entry.read().any():
        return
    raise BadCheckpoint(f"{entry.file.name} has a tensor that the model does not have: {name}")


def read_shape(folder: Path) -> ModelShape:
    """The shape in config.json, with the end tokens of generation_config.json added."""
    config = read_json(folder / "config.json")
    config.pop("quantization_config", None)  # of the weights, not of the model
    shape = shape_from_config(config)
    generation = folder / "generation_config.json"
    if not generation.exists():
        return shape
    ends = read_json(generation).get("eos_token_id")
    more = [ends] if isinstance(ends, int) else ends or []
    return replace(shape, eos=tuple(dict.fromkeys((*shape.eos, *more))))
