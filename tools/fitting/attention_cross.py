"""Attention that others measured on a GPU whose fits never saw it: LLMServingSim's tables of the H100.

Vidur's columns: one prefill chunk after a cached prefix, or equal decodes; FlashAttention of 2025, one rank of four.
Reported, not tuned: the only measurements with a cached prefix on a data-centre GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from doubletime.hardware.known import machine
from doubletime.hardware.machine import AttentionBatch, AttentionShape
from tools.fitting import tables

HEAD_DIM = 128


class Compared(NamedTuple):
    rows: int
    error: float  # mean absolute, relative
    bias: float  # of the mean ratio


def compare(path: Path, step: int = 1) -> dict[str, Compared]:
    """By `prefill` (no prefix), `prefix` and `decode`: what the shipped fits of the H100 miss. Every `step`-th row."""
    gpu = machine("h100")
    ratios: dict[str, list[float]] = {}
    for kind, shape, batch, seconds in _calls(path, step):
        ratios.setdefault(kind, []).append(gpu.attention(shape, batch).seconds / seconds)
    return {
        kind: Compared(len(found), float(np.abs(np.array(found) - 1).mean()), float(np.mean(found) - 1))
        for kind, found in ratios.items()
    }


def _calls(path: Path, step: int) -> Iterator[tuple[str, AttentionShape, AttentionBatch, float]]:
    for at, row in enumerate(tables.rows(path)):
        if at % step:
            continue
        ranks = int(row["num_tensor_parallel_workers"])
        shape = AttentionShape(int(row["n_q_head"]) // ranks, int(row["n_kv_head"]) // ranks, HEAD_DIM)
        count, cached = int(row["batch_size"]), int(row["kv_cache_size"])
        if row["is_prefill"] == "True":
            seconds = float(row["time_stats.attn_prefill.median"]) * 1e-3
            chunk = int(row["prefill_chunk_size"])
            yield "prefix" if cached else "prefill", shape, AttentionBatch(((chunk, cached),) * count), seconds
        else:
            seconds = float(row["time_stats.attn_decode.median"]) * 1e-3
            yield "decode", shape, AttentionBatch((), count, count * (cached + 1)), seconds
