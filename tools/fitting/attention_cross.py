"""Prefill after a cached prefix that others measured on a GPU whose fits never saw one: LLMServingSim's of the H100.

Vidur's columns: one chunk after a prefix; FlashAttention of 2025, one rank of four. Reported, not tuned. (The decodes
of the same tables are left out: up to five times quicker than the memory can deliver that many distinct caches.)
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


def compare(path: Path) -> Compared:
    """What the shipped fits of the H100 miss."""
    gpu = machine("h100")
    ratios = np.array([gpu.attention(shape, batch).seconds / seconds for shape, batch, seconds in _calls(path)])
    return Compared(len(ratios), float(np.abs(ratios - 1).mean()), float(ratios.mean() - 1))


def _calls(path: Path) -> Iterator[tuple[AttentionShape, AttentionBatch, float]]:
    for row in tables.rows(path):
        if row["is_prefill"] == "True":
            ranks = int(row["num_tensor_parallel_workers"])
            shape = AttentionShape(int(row["n_q_head"]) // ranks, int(row["n_kv_head"]) // ranks, HEAD_DIM)
            chunk = (int(row["prefill_chunk_size"]), int(row["kv_cache_size"]))
            batch = AttentionBatch((chunk,) * int(row["batch_size"]))
            yield shape, batch, float(row["time_stats.attn_prefill.median"]) * 1e-3
