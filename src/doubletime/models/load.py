"""MODEL on the command line → a model: a folder, a hub name in the local cache, or `random:NAME`."""

from __future__ import annotations

from pathlib import Path

from doubletime.models.checkpoint import DTYPES, SafetensorsSource
from doubletime.models.gguf import GGUFSource
from doubletime.models.model import Model
from doubletime.models.quantizing import QuantizingSource, scheme
from doubletime.models.random_weights import RandomSource
from doubletime.models.source import Source
from doubletime.models.weights import Weights
from doubletime.shapes import published_shape
from doubletime.shapes.locate import RANDOM, is_gguf, locate


def open_source(name: str, dtype: str | None = None, seed: int = 0, quantize: str | None = None) -> Source:
    """The weights of MODEL, checked but not yet read. `dtype` None: as published. `quantize`: None, int8 or int4.

    Raises FileNotFoundError when there is no such model here, BadCheckpoint or UnsupportedModel when there is, and
    ValueError for settings that it cannot have.
    """
    if dtype is not None and dtype not in DTYPES:
        raise ValueError(f"unknown dtype {dtype!r}; known: {', '.join(DTYPES)}")
    chosen = None if quantize is None else scheme(quantize)
    source = _open(name, dtype, seed)
    if chosen is None:
        return source
    if isinstance(source, SafetensorsSource) and source.quantized:
        raise ValueError(f"{name} is quantized already: it cannot be quantized to {quantize} too")
    return QuantizingSource(source, chosen)


def load_model(
    name: str, dtype: str | None = None, device: str = "cpu", seed: int = 0, quantize: str | None = None
) -> Model:
    """Loads MODEL onto `device`. `dtype` None: as published, but float32 on a CPU, where the others are slow.

    Raises what `open_source` raises, and ValueError for quantized weights on another device than the CPU.
    """
    if dtype is None and device == "cpu":
        dtype = "float32"
    source = open_source(name, dtype, seed, quantize)
    return Model(source.shape, Weights(source, device))


def load_checkpoint(path: str | Path, dtype: str | None = None, device: str = "cpu") -> Model:
    """The model in folder `path`; `dtype` None keeps that of config.json."""
    source = SafetensorsSource(Path(path), None if dtype is None else DTYPES[dtype])
    return Model(source.shape, Weights(source, device))


def _open(name: str, dtype: str | None, seed: int) -> Source:
    if name.startswith(RANDOM):
        shape = published_shape(name.removeprefix(RANDOM))
        return RandomSource(shape, DTYPES[dtype or shape.dtype], seed)
    if is_gguf(name):
        return GGUFSource(locate(name), None if dtype is None else DTYPES[dtype])
    return SafetensorsSource(locate(name), None if dtype is None else DTYPES[dtype])
