"""The rotary settings of a GGUF file, in the spelling of config.json's `rope_parameters`."""

from __future__ import annotations

import struct
from typing import Any

from doubletime.shapes.gguf.file import GGUF
from doubletime.shapes.gguf.keys import Keys
from doubletime.shapes.gguf.tensor_types import TensorType
from doubletime.shapes.model_shape import UnsupportedModel

FREQUENCY_FACTORS = "rope_freqs.weight"
_THETA = 10_000.0  # where a file says nothing


def theta(keys: Keys, name: str = "rope.freq_base") -> float:
    return keys.number(name, _THETA)


def rope_settings(keys: Keys, file: GGUF, head_dim: int) -> dict[str, Any]:
    """Plain, stretched linearly, or each frequency by a factor of its own (how files say Llama 3's rope)."""
    base = {"rope_theta": theta(keys)}
    keys.only("rope.scaling.type", "none", "linear")
    factor = keys.number("rope.scaling.factor", 0.0) or keys.number("rope.scale_linear", 0.0)
    stretched = keys.get("rope.scaling.type") != "none" and factor not in (0.0, 1.0)
    factors = _factors(file, head_dim)
    if factors and stretched:
        raise keys.refusal("rope.scaling.factor", factor, f"beside {FREQUENCY_FACTORS}")
    if factors:
        return base | {"rope_type": "factors", "factors": factors}
    return base | ({"rope_type": "linear", "factor": factor} if stretched else {"rope_type": "default"})


def _factors(file: GGUF, head_dim: int) -> list[float]:
    """What each frequency is divided by; empty where the file has no such tensor."""
    info = file.tensors.get(FREQUENCY_FACTORS)
    if info is None:
        return []
    if info.kind is not TensorType.F32 or info.shape != (head_dim // 2,):
        raise UnsupportedModel(f"{FREQUENCY_FACTORS} is {info.kind.name} {list(info.shape)}, not F32 [{head_dim // 2}]")
    with info.path.open("rb") as data:
        data.seek(info.offset)
        return list(struct.unpack(f"<{head_dim // 2}f", data.read(info.size)))
