"""The measured rows of attention, in one form.

A row's shape is (heads, KV heads, head width, window, chunks, tokens, start, decodes, mean context, longest context).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from doubletime.hardware.machine import AttentionShape
from doubletime.hardware.ops.attention_mixed import Decodes
from doubletime.hardware.ops.attention_prefill import Uniform
from tools.fitting import tables
from tools.fitting.cards import models
from tools.fitting.protocol import Floats, Table

HEADS, KV_HEADS, _, _, CHUNKS, TOKENS, START, DECODES, CONTEXT, LONGEST = range(10)
ITERATIONS = 3  # whose sum the tables of skewed batches hold: equal calls in the other tables take a third
KERNELS = {"vllm_flash_attn": "flash2", "vllm_flash_attn_fa2": "flash2", "vllm_flash_attn_fa3": "flash3"}

Rows = dict[tuple[float, ...], float]  # seconds by shape


def heads_of(row: Floats, kv: str) -> AttentionShape:
    heads, kv_heads, head_dim, window = (int(value) for value in row[:4])
    return AttentionShape(heads, kv_heads, head_dim, window, kv)


def chunks_of(row: Floats) -> Uniform:
    return Uniform(*map(float, row[CHUNKS : START + 1]))


def decodes_of(row: Floats) -> Decodes:
    return Decodes(*map(float, row[DECODES:]))


def alone(data: Path, machine: str, kind: str) -> Iterator[tuple[str, str, str, Table]]:
    """KV format, kernel, source and rows of `prefill` or `decode` calls; the quickest kernel of each shape."""
    path = tables.aiconfigurator(data, machine, "context_attention" if kind == "prefill" else "generation_attention")
    if path is not None:
        by_format: dict[str, Rows] = {}
        kernels: dict[str, str] = {}
        for row in tables.rows(path):
            best = by_format.setdefault(row["kv_cache_dtype"], {})
            shape = _shape(row, kind)
            best[shape] = min(best.get(shape, np.inf), float(row["latency_ms"]) * 1e-3)
            kernels.setdefault(row["kv_cache_dtype"], KERNELS.get(row["kernel_source"], "paired"))
        for kv, best in by_format.items():
            yield kv, kernels[kv], tables.source(path), _table(best)
    for source, table in cards(data, machine):
        chosen = table.shapes[:, DECODES] == 0 if kind == "prefill" else table.shapes[:, TOKENS] == 0
        yield "bfloat16", "flash2", source, table.take(chosen)


def cards(data: Path, machine: str) -> Iterator[tuple[str, Table]]:
    """All models and degrees of a card together: prefill, decodes, and both in one call."""
    found: Rows = {}
    source = ""
    for path, model in models(data, machine, "attention"):
        source = tables.source(path)
        for row in tables.rows(path):
            chunk, decodes = int(row["prefill_chunk"]), int(row["n_decode"])
            prefill = (int(chunk > 0), chunk, int(row["kv_prefill"]))
            context = int(row["kv_decode"]) + 1 if decodes else 0
            decode = (decodes, context, context)
            found[(model.heads, model.kv_heads, model.head_dim, 0, *prefill, *decode)] = float(row["time_us"]) * 1e-6
    if found:
        yield source, _table(found)


def skewed(data: Path, machine: str) -> Table:
    """Decodes of two lengths, alone or beside a chunk."""
    found: Rows = {}
    for path, model in models(data, machine, "skew"):
        for row in tables.rows(path):
            chunk = int(row["pc"])
            prefill = (int(chunk > 0), chunk, int(row["kp"]) if chunk else 0)
            decode = (int(row["n"]), float(row["kv_mean"]) + 1, int(row["kv_big"]) + 1)
            shape = (model.heads, model.kv_heads, model.head_dim, 0, *prefill, *decode)
            found[shape] = float(row["t_skew_us"]) * 1e-6 / ITERATIONS
    return _table(found)


def _shape(row: dict[str, str], kind: str) -> tuple[int, ...]:
    heads = (
        int(row["num_heads"]),
        int(row["num_key_value_heads"]),
        int(row["head_dim"]),
        int(row.get("window_size") or 0),
    )
    count = int(row["batch_size"])
    if kind == "prefill":
        return (*heads, count, int(row["isl"]), 0, 0, 0, 0)
    context = int(row["step"]) + 1
    return (*heads, 0, 0, 0, count, context, context)


def _table(rows: Rows) -> Table:
    return Table(np.array(list(rows), float), np.array(list(rows.values())))
