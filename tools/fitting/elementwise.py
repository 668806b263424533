"""Fits norms, rotary embeddings and activations: one curve over the bytes that a kernel moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from doubletime.hardware.ops.curve import Curve
from doubletime.hardware.ops.elementwise import EFFICIENCY
from doubletime.hardware.specs import SPECS
from tools.fitting import curves, protocol, tables
from tools.fitting.cards import models

ELEMENT = 2  # bytes of an activation
Point = tuple[float, float]  # bytes and seconds of one launch


def fit(data: Path, machine: str) -> dict[str, dict[str, Any]]:
    points = list(read(data, machine))
    if not points:
        return {}
    sizes, seconds = np.array(points).T
    held = protocol.random_rows(len(sizes))
    large = sizes > np.quantile(sizes, 0.9)
    inside = round(curves.error(curves.fit(sizes[~held], seconds[~held]), sizes[held], seconds[held]), 4)
    outside = round(_beyond(sizes, seconds, large, SPECS[machine].bandwidth), 4)
    source = "Vidur" if machine in ("a100", "h100") else "LLMServingSim, vLLM 0.19.0"
    about = {"source": source, "rows": len(sizes), "held_out": {"rows": inside, "extrapolated": outside}}
    fitted = {"bandwidth": SPECS[machine].bandwidth, "inside": inside, "outside": outside, "about": about}
    return {"elementwise": fitted | curves.fit(sizes, seconds)}


def read(data: Path, machine: str) -> Iterator[Point]:
    yield from _cards(data, machine)
    if machine in ("a100", "h100"):
        for path in sorted((data / "vidur" / machine).glob("*_mlp.csv.gz")):
            yield from _vidur(path)


def _cards(data: Path, machine: str) -> Iterator[Point]:
    """Sizes as shapes.operators counts them: a norm reads row and residual and writes both."""
    for path, model in models(data, machine):
        attention = 2 * (model.heads + model.kv_heads) * model.head_dim
        moved = {"layernorm": 4 * model.hidden, "rotary_emb": attention, "act_fn": 3 * model.inner}
        for row in tables.rows(path):
            if row["layer"] in moved:
                yield moved[row["layer"]] * ELEMENT * float(row["tokens"]), float(row["time_us"]) * 1e-6


def _vidur(path: Path) -> Iterator[Point]:
    """The activation and the sum; the norm and rotary kernels of 2023 were slower than those that replaced them."""
    for row in tables.rows(path):
        tokens, ranks = float(row["num_tokens"]), int(row["num_tensor_parallel_workers"])
        moved = {"mlp_act": 3 * int(row["n_expanded_embd"]) / ranks, "add": 3 * int(row["n_embd"])}
        for name, width in moved.items():
            seconds = float(row[f"time_stats.{name}.median"] or 0) * 1e-3
            if seconds > 0:
                yield width * ELEMENT * tokens, seconds


def _beyond(sizes: protocol.Floats, seconds: protocol.Floats, large: protocol.Mask, bandwidth: float) -> float:
    """The error on the largest tenth, reached from the points below as at run time."""
    curve = Curve.from_json(curves.fit(sizes[~large], seconds[~large]), EFFICIENCY * bandwidth)
    reached = np.array([curve.read(size).seconds for size in sizes[large]])
    return float(np.abs(reached / seconds[large] - 1).mean())
