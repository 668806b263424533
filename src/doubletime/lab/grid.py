"""What is compared: designs (the product of what varies) under loads, one rehearsal each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

from doubletime.lab.rehearsal.design import Design
from doubletime.lab.workload.pace import at_rate, at_scale

Axes = Mapping[str, Sequence[Any]]  # a field of Design → its values


class Load(NamedTuple):
    """A trace at one pace. `name` tells it from the others: "2/s", "0.5x", or "as recorded"."""

    name: str
    trace: str


class Variant(NamedTuple):
    """A design, and what tells it from the others compared."""

    name: str
    design: Design


def loads(trace: str, rates: Sequence[float] = (), scales: Sequence[float] = ()) -> list[Load]:
    """The trace at these rates, or at these multiples of its own; else as it is. Raises ValueError."""
    if rates and scales:
        raise ValueError("--rates and --scales exclude each other")
    if rates:
        return [Load(f"{rate:g}/s", at_rate(trace, rate)) for rate in _distinct("--rates", rates)]
    if scales:
        return [Load(f"{scale:g}x", at_scale(trace, scale)) for scale in _distinct("--scales", scales)]
    return [Load("as recorded", trace)]


def variants(base: Design, axes: Axes) -> list[Variant]:
    """Every combination; names say only what differs. Raises ValueError for a value that is given twice."""
    for name, values in axes.items():
        _distinct(f"--{name.replace('_', '-')}", values)
    varying = [name for name, values in axes.items() if len(values) > 1] or ["policy"]
    designs = [replace(base, **dict(zip(axes, values, strict=True))) for values in product(*axes.values())]
    return [Variant(", ".join(_told(name, getattr(design, name)) for name in varying), design) for design in designs]


def _told(name: str, value: object) -> str:
    if name == "prefill_replicas":
        return f"{value} prefill"
    if name == "replicas":
        return f"{value} replica{'s' * (value != 1)}"
    return f"{name} {value}" if name in ("tp", "pp", "ep") else str(value)


def _distinct(option: str, values: Sequence[Any]) -> Sequence[Any]:
    if len(set(values)) < len(values):
        raise ValueError(f"{option}: a value is given twice in {','.join(map(str, values))}")
    return values
