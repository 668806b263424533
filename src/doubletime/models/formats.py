"""Which format a checkpoint's weights are in: what `quantization_config` of its config.json says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from doubletime.models.archive import BadCheckpoint
from doubletime.models.awq import awq_packing
from doubletime.models.compressed import compressed_packing
from doubletime.models.gptq import gptq_packing
from doubletime.models.packing import Packing
from doubletime.models.saved import METHOD, VERSION, SavedPacking

Settings = dict[str, Any]


def packing_of(config: dict[str, Any]) -> Packing | None:
    """How the matrices of the checkpoint with this config.json are packed; None: they are dense.

    Raises BadCheckpoint for a method, or a setting of one, that doubletime does not read.
    """
    settings: Settings | None = config.get("quantization_config")
    if settings is None:
        return None
    method = settings.get("quant_method")
    if method not in PACKINGS:
        raise BadCheckpoint(f"weights quantized by {method!r} are not supported; supported: {', '.join(PACKINGS)}")
    return PACKINGS[method](settings)


def _saved(settings: Settings) -> Packing:
    if settings.get("version") != VERSION:
        found = settings.get("version")
        raise BadCheckpoint(f"quantized by another version of doubletime: format {found!r}, not {VERSION}")
    return SavedPacking()


PACKINGS: dict[str, Callable[[Settings], Packing]] = {
    METHOD: _saved,
    "gptq": gptq_packing,
    "awq": awq_packing,
    "compressed-tensors": compressed_packing,
}
