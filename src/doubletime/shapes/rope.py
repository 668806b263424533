"""Rotary settings, in the spelling of transformers 5 (`rope_parameters`) and the older (`rope_scaling`)."""

from __future__ import annotations

from typing import Any

from doubletime.shapes.fields import Fields, unsupported
from doubletime.shapes.model_shape import Rope, RopeKind

_KEYS = {
    RopeKind.DEFAULT: {"factor"},
    RopeKind.LINEAR: {"factor"},
    RopeKind.LLAMA3: {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"},
    RopeKind.FACTORS: {"factors"},  # doubletime's own: what a GGUF file keeps of llama3
}


def read_rope(fields: Fields, default_theta: float = 10_000.0) -> Rope:
    """The one rope of a model whose layers are all alike."""
    theta = fields.number("rope_theta", default_theta)
    fields.only("partial_rotary_factor", 1.0)
    old, new = fields.get("rope_scaling", {}), fields.get("rope_parameters", None)
    return parse_rope("rope_scaling", old, theta) if new is None else parse_rope("rope_parameters", new, theta)


def rope_without_stretch(fields: Fields, default_theta: float = 10_000.0) -> Rope:
    """For families that are rehearsed, never computed: how frequencies are stretched changes no size and no time."""
    settings = fields.get("rope_parameters", fields.get("rope_scaling", {}))
    return Rope(float(settings.get("rope_theta", fields.number("rope_theta", default_theta))))


def parse_rope(name: str, settings: Any, theta: float) -> Rope:
    """One dictionary of rope settings; `theta` where it has none of its own. `name` is for the error."""
    if not isinstance(settings, dict):
        raise unsupported(name, settings, "an object is needed")
    kind = _kind(name, settings)
    stretched = kind in (RopeKind.LINEAR, RopeKind.LLAMA3)
    for key in settings.keys() - _KEYS[kind] - {"rope_type", "type", "rope_theta"}:
        raise unsupported(f"{name}.{key}", settings[key], f"not a setting of rope type {kind.value!r}")
    return Rope(
        theta=float(settings.get("rope_theta", theta)),
        kind=kind,
        factor=_positive(name, settings, "factor", None if stretched else 1.0),
        low_freq_factor=_positive(name, settings, "low_freq_factor", 1.0),
        high_freq_factor=_positive(name, settings, "high_freq_factor", 4.0),
        original_max_position=_original(name, settings, kind),
        factors=_factors(name, settings, kind),
    )


def _kind(name: str, settings: dict[str, Any]) -> RopeKind:
    value = settings.get("rope_type", settings.get("type", "default"))
    if value not in {kind.value for kind in RopeKind}:
        known = ", ".join(kind.value for kind in RopeKind)
        raise unsupported(f"{name}.rope_type", value, f"supported: {known}")
    return RopeKind(value)


def _positive(name: str, settings: dict[str, Any], key: str, default: float | None) -> float:
    value = settings.get(key, default)
    if not isinstance(value, int | float) or value <= 0:
        raise unsupported(f"{name}.{key}", value, "a positive number is needed")
    return float(value)


def _original(name: str, settings: dict[str, Any], kind: RopeKind) -> int:
    if kind is not RopeKind.LLAMA3:
        return 0
    return int(_positive(name, settings, "original_max_position_embeddings", None))


def _factors(name: str, settings: dict[str, Any], kind: RopeKind) -> tuple[float, ...]:
    if kind is not RopeKind.FACTORS:
        return ()
    found = settings.get("factors")
    if not isinstance(found, list) or not all(isinstance(each, float) and each > 0 for each in found):
        raise unsupported(f"{name}.factors", found, "a positive number for each frequency is needed")
    return tuple(found)
