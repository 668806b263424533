"""`python -m tools.fitting.cross --data ../shared/data/profiles`: predicts other people's measurements of products.

Nothing here is fitted to them: Vidur's layers (A100 and H100, kernels of 2023) and LLMServingSim's (H100, timed with
launches) are reported as they come out.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from doubletime.hardware.known import machine
from tools.fitting import tables

LLAMA_3_1 = {"Llama-3.1-8B": (4096, 8, 14336), "Llama-3.1-70B": (8192, 8, 28672)}  # hidden, KV heads, inner
HEAD_DIM, VOCAB = 128, 128256


class Timed(NamedTuple):
    operator: str
    m: int
    n: int
    k: int
    seconds: float


def vidur(data: Path, name: str, step: int = 1) -> Iterator[Timed]:
    """Every `step`-th row."""
    for path in sorted((data / "vidur" / name).glob("*_mlp.csv.gz")):
        for row in islice(tables.rows(path), 0, None, step):
            hidden, inner, heads, kv_heads, ranks, tokens = (
                int(row[column])
                for column in (
                    "n_embd",
                    "n_expanded_embd",
                    "n_head",
                    "n_kv_head",
                    "num_tensor_parallel_workers",
                    "num_tokens",
                )
            )
            queries = hidden // ranks
            shapes = {
                "attn_pre_proj": (queries * (heads + 2 * kv_heads) // heads, hidden),
                "attn_post_proj": (hidden, queries),
                "mlp_up_proj": (2 * inner // ranks, hidden),
                "mlp_down_proj": (hidden, inner // ranks),
            }
            for operator, (n, k) in shapes.items():
                seconds = float(row[f"time_stats.{operator}.median"] or 0) * 1e-3
                if seconds > 0:
                    yield Timed(operator, tokens, n, k, seconds)


def llmservingsim(data: Path, step: int = 16) -> Iterator[Timed]:
    """Every `step`-th number of tokens of the H100's layers."""
    for model, (hidden, kv_heads, inner) in LLAMA_3_1.items():
        for path in sorted((data / "llmservingsim" / "H100").glob(f"{model}_tp*_layers.csv.gz")):
            for row in tables.rows(path):
                ranks, tokens = int(row["tp_size"]), int(row["input"])
                narrow = kv_heads * HEAD_DIM // ranks
                shapes = {
                    "q_proj": (hidden // ranks, hidden),
                    "k_proj": (narrow, hidden),
                    "v_proj": (narrow, hidden),
                    "o_proj": (hidden, hidden // ranks),
                    "gate_proj": (inner // ranks, hidden),
                    "up_proj": (inner // ranks, hidden),
                    "down_proj": (hidden, inner // ranks),
                    "lm_head": (VOCAB // ranks, hidden),
                }
                if tokens % step == 0 and row["layer_name"] in shapes:
                    n, k = shapes[row["layer_name"]]
                    yield Timed(row["layer_name"], tokens, n, k, float(row["latency(ns)"]) * 1e-9)


class Compared(NamedTuple):
    """`error`: mean absolute, relative; `bias`: of the sum of all times; `median`: of the absolute errors."""

    error: float
    median: float
    bias: float
    rows: int


def compare(rows: Iterator[Timed], name: str) -> dict[str, Compared]:
    """By operator, and `all`: the shipped fit of `name` against the rows."""
    gpu, found = machine(name), defaultdict(list)
    for operator, m, n, k, seconds in rows:
        pair = (gpu.linear(m, n, k, "bfloat16").seconds, seconds)
        found[operator].append(pair)
        found["all"].append(pair)
    return {operator: _compared(pairs) for operator, pairs in found.items()}


def _compared(pairs: list[tuple[float, float]]) -> Compared:
    predicted, measured = np.array(pairs).T
    off = np.abs(predicted / measured - 1)
    bias = predicted.sum() / measured.sum() - 1
    return Compared(float(off.mean()), float(np.median(off)), float(bias), len(pairs))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.fitting.cross")
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args(argv).data
    for name, source, rows in (
        ("a100", "Vidur", vidur(data, "a100")),
        ("h100", "Vidur", vidur(data, "h100")),
        ("h100", "LLMServingSim", llmservingsim(data)),
    ):
        for operator, (error, median, bias, count) in compare(rows, name).items():
            text = f"{error:6.1%} mean, {median:6.1%} median, {bias:+6.1%} of the sum, {count:6} rows"
            print(f"{name:6}{source:15}{operator:16}{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
