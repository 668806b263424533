"""MODEL on the command line → a model: a folder, a hub name in the local cache, or `random:NAME`."""

from __future__ import annotations

from doubletime.models.checkpoint import DTYPES, load_checkpoint
from doubletime.models.model import Model
from doubletime.models.random_weights import random_model
from doubletime.shapes import published_shape
from doubletime.shapes.locate import RANDOM, locate


def load_model(name: str, dtype: str | None = None, device: str = "cpu", seed: int = 0) -> Model:
    """Loads MODEL. `dtype` None: as published, but float32 on a CPU, where the others are slow.

    Raises FileNotFoundError when there is no such model here, BadCheckpoint or UnsupportedModel when there is.
    """
    if dtype is not None and dtype not in DTYPES:
        raise ValueError(f"unknown dtype {dtype!r}; known: {', '.join(DTYPES)}")
    if dtype is None and device == "cpu":
        dtype = "float32"
    if name.startswith(RANDOM):
        shape = published_shape(name.removeprefix(RANDOM))
        return random_model(shape, DTYPES[dtype or shape.dtype], device, seed)
    return load_checkpoint(locate(name), dtype, device)
