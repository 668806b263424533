"""Draws from logits: the ceiling is reading them once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from benchmarks.kernel_bench.ceilings import Ceilings
from benchmarks.kernel_bench.record import Record, record
from benchmarks.kernel_bench.timing import seconds_per_call
from doubletime.decoding.sampling import Sampling
from doubletime.decoding.sampling_native import draw
from doubletime.kernels.cpu.abi import Kind

WISHES = {
    "likeliest": Sampling(temperature=0.0),
    "all": Sampling(),
    "top-p 0.9": Sampling(top_p=0.9),
    "top-k 50": Sampling(top_k=50),
}


def measure(ceilings: Ceilings, budget: float) -> Iterator[Record]:
    """Vocabularies of Llama 2 and Qwen 3, one row and 32."""
    for vocab in (32_000, 151_936):
        for rows in (1, 32):
            logits = torch.randn(rows, vocab) * 3
            for name, wish in WISHES.items():
                seconds = seconds_per_call(partial(draw, logits, [wish] * rows, range(rows)), budget)
                names = ("sampling", name, f"rows={rows} vocab={vocab}")
                yield record(names, seconds, Kind.F32, logits.nbytes, 0.0, ceilings)
