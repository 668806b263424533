"""Fits latent attention: a layer's module without what is counted apart.

aiconfigurator times DeepSeek-V3's whole attention module, with its projections; each shape comes once for each number
format of these, bfloat16 first (the difference between the first two is the bytes of the projections). What this
machine's own fits say of the projections, norms, rotation and cache write is taken off. Where that leaves less than
`LEFT` of the module, the row says nothing about attention and is dropped. A100's tables are of the kernel alone,
launched by the host, which takes 0.3 ms: what is quicker than that on the device cannot be told from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from doubletime.hardware.fitted import FittedMachine
from doubletime.hardware.machine import AttentionShape, Machine
from doubletime.hardware.ops import attention_latent as latent
from doubletime.hardware.specs import SPECS
from doubletime.hardware.store import Store
from tools.fitting import tables
from tools.fitting.attention_alone import COLD, PREFILL, fit_kind
from tools.fitting.protocol import Table

HIDDEN, QUERY_RANK, NOPE, VALUE, WIDTH = 7168, 1536, 128, 128, 576  # DeepSeek-V3
LEFT = 0.25
SPIKE = 1.2

LAUNCH = 4e-4  # seconds at most: a module is a dozen launches, and A100's come from the host


def fit(data: Path, machine: str) -> dict[str, dict[str, Any]]:
    """By file stem: one fit for each kind and KV format that was measured."""
    found = {}
    for kind in ("prefill", "decode"):
        for kv, kernel, source, table in measured(data, machine, kind):
            bounds = COLD if kind == "decode" else PREFILL
            bounds = bounds._replace(high=(LAUNCH, *bounds.high[1:]))
            fitted = fit_kind(table, kind, kv, kernel, SPECS[machine], source, bounds)
            found[f"attention_latent_{kind}_{kv}"] = fitted
    return found


def measured(data: Path, machine: str, kind: str) -> Iterator[tuple[str, str, str, Table]]:
    """KV format, kernel, source, and rows of attention alone, as shapes of attention_tables."""
    kernel = tables.aiconfigurator(data, machine, "context_mla" if kind == "prefill" else "generation_mla")
    stem = "mla_context_module" if kind == "prefill" else "mla_generation_module"
    path = kernel or tables.aiconfigurator(data, machine, stem)
    if path is None:
        return
    triton = kind == "decode" and "triton" in next(tables.rows(path))["kernel_source"].lower()
    gpu = FittedMachine(SPECS[machine], Store(machine))
    for kv, rows in _read(path).items():
        table = _steady(rows) if kernel else _left(rows, gpu)
        shapes = np.array([_shape(kind, kv, *row) for row in table.shapes], float)
        yield kv, "triton" if triton else "paired", tables.source(path), Table(shapes, table.seconds)


def _read(path: Path) -> dict[str, Table]:
    """By KV format: (heads, sequences, new tokens of each, tokens after them) of the first row of every shape."""
    found: dict[str, dict[tuple[int, ...], float]] = {}
    for row in tables.rows(path):
        if row["mla_dtype"] == "bfloat16":
            length, step = int(row["isl"]), int(row["step"])
            shape = (int(row["num_heads"]), int(row["batch_size"]), length, step + length)
            found.setdefault(row["kv_cache_dtype"], {}).setdefault(shape, float(row["latency_ms"]) * 1e-3)
    return {kv: Table(np.array(list(rows), float), np.array(list(rows.values()))) for kv, rows in found.items()}


def _steady(table: Table) -> Table:
    """Without spikes: rows slower than a call that is larger in all ways."""
    larger = [table.seconds[(table.shapes >= shape).all(axis=1)].min() for shape in table.shapes]
    return table.take(table.seconds <= SPIKE * np.array(larger))


def _left(table: Table, gpu: Machine) -> Table:
    known: dict[tuple[int, int], float] = {}
    apart = []
    for heads, count, length, _ in table.shapes:
        key = (int(heads), int(count * length))
        if key not in known:
            known[key] = counted_apart(gpu, *key)
        apart.append(known[key])
    left = table.seconds - np.array(apart)
    keep = left > LEFT * table.seconds
    return Table(table.shapes[keep], left[keep])


def counted_apart(gpu: Machine, heads: int, rows: int) -> float:
    """Seconds of the operators that shapes.operators lists beside the attention of one rank's layer."""
    products = (
        (QUERY_RANK + WIDTH, HIDDEN),
        (heads * (NOPE + latent.ROTARY), QUERY_RANK),
        (heads * (NOPE + VALUE), WIDTH - latent.ROTARY),
        (HIDDEN, heads * VALUE),
    )
    moved = ((QUERY_RANK + WIDTH - latent.ROTARY, 2), ((heads + 1) * latent.ROTARY, 1), (WIDTH, 1))
    linear = sum(gpu.linear(rows, n, k, "bfloat16").seconds for n, k in products)
    return linear + sum(gpu.elementwise(4 * width * rows, launches).seconds for width, launches in moved)


def _shape(kind: str, kv: str, heads: float, count: float, length: float, end: float) -> tuple[float, ...]:
    shape = AttentionShape(int(heads), 1, NOPE + latent.ROTARY, 0, kv, WIDTH)
    if kind == "prefill":
        shape = latent.prefill_shape(shape)
        return (*shape[:4], count, length, end - length, 0, 0, 0)
    return (*latent.decode_shape(shape)[:4], 0, 0, 0, count, end, end)
