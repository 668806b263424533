"""Reads a checkpoint in Hugging Face layout: config.json, *.safetensors (single or sharded), generation_config.json."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from doubletime.models.model import Model
from doubletime.models.weights import Weights
from doubletime.shapes import ModelShape, check_runnable, shape_from_config, tensors

INDEX = "model.safetensors.index.json"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class BadCheckpoint(ValueError):
    """A folder that is not a complete checkpoint of the model its config.json describes."""


def load_checkpoint(path: str | Path, dtype: str | None = None, device: str = "cpu") -> Model:
    """The model in folder `path`; `dtype` None keeps that of config.json.

    Weights stay memory-mapped where neither dtype nor device changes. Raises BadCheckpoint for missing, unexpected
    or mis-shaped tensors, UnsupportedModel for a model that doubletime would compute wrongly.
    """
    folder = Path(path)
    shape = read_shape(folder)
    check_runnable(shape)
    target = DTYPES[dtype or shape.dtype]
    return Model(shape, Weights(read_weights(folder, shape, target, torch.device(device))))


def read_shape(folder: Path) -> ModelShape:
    """The shape in config.json, with the end tokens of generation_config.json added."""
    shape = shape_from_config(read_json(folder / "config.json"))
    generation = folder / "generation_config.json"
    if not generation.exists():
        return shape
    ends = read_json(generation).get("eos_token_id")
    more = [ends] if isinstance(ends, int) else ends or []
    return replace(shape, eos=tuple(dict.fromkeys((*shape.eos, *more))))


def read_json(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise BadCheckpoint(f"{path.parent} has no {path.name}")
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data


def read_weights(folder: Path, shape: ModelShape, dtype: torch.dtype, device: torch.device) -> dict[str, Tensor]:
    """Every tensor of the model by name, checked against its shape."""
    files = _files(folder)
    wanted = tensors(shape)
    found: dict[str, Tensor] = {}
    for file in files:
        with safe_open(file, framework="pt", device="cpu") as archive:
            for name in archive.keys():  # noqa: SIM118 (no mapping: it cannot be iterated)
                if name in wanted:
                    found[name] = archive.get_tensor(name)
                elif not _ignorable(name, shape):
                    raise BadCheckpoint(f"{file.name} has a tensor that the model does not have: {name}")
    _check(found, wanted)
    return {name: tensor.to(device=device, dtype=dtype) for name, tensor in found.items()}


def _files(folder: Path) -> list[Path]:
    if (folder / INDEX).exists():
        names = sorted(set(read_json(folder / INDEX)["weight_map"].values()))
        missing = [name for name in names if not (folder / name).exists()]
        if missing:
            raise BadCheckpoint(f"{folder} lacks shards that its index names: {_some(missing)}")
        return [folder / name for name in names]
    if (folder / "model.safetensors").exists():
        return [folder / "model.safetensors"]
    raise BadCheckpoint(f"{folder} has neither model.safetensors nor {INDEX}")


def _ignorable(name: str, shape: ModelShape) -> bool:
    """A tied head that was stored all the same, and the rotary buffers of old checkpoints."""
    return (shape.tied and name == "lm_head.weight") or name.endswith("rotary_emb.inv_freq")


def _check(found: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, ...]]) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        raise BadCheckpoint(f"the checkpoint lacks {len(missing)} tensors: {_some(missing)}")
    for name, size in wanted.items():
        if tuple(found[name].shape) != size:
            raise BadCheckpoint(f"{name} is {list(found[name].shape)}; config.json makes it {list(size)}")


def _some(names: Iterable[str]) -> str:
    first = list(names)
    return ", ".join(first[:5]) + (", …" if len(first) > 5 else "")
