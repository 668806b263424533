"""A made-up profile of a CPU: its times follow simple laws, so that answers can be told by hand."""

from __future__ import annotations

from itertools import product
from typing import Any

from doubletime.hardware.cpu.profile import TERMS

FLOPS, BANDWIDTH, CALL = 5e10, 1e10, 5e-6
WIDTHS = {
    "begin": 13,
    "project": 10,
    "attend": 7,
    "output": 8,
    "gate": 7,
    "down": 8,
    "route": 6,
    "experts": 8,
    "sample": 6,
}


def linear(m: float, n: float, k: float) -> float:
    return CALL + 2 * m * n * k / FLOPS


def made_up(**changes: Any) -> dict[str, Any]:
    """A profile as JSON. Each operator is its kernels and 10 µs."""
    sizes = (64, 256, 1024)
    return {
        "kind": "doubletime profile",
        "schema": 1,
        "machine": {"name": "test CPU", "dtype": "float32", "threads": 1, "memory": 8 << 30, "bandwidth": 1e10},
        "tables": {
            "linear": [[m, n, k, linear(m, n, k)] for m, n, k in product((1, 8, 64, 512), sizes, sizes)],
            "cold": [
                [m, n, k, linear(m, n, k) + n * k * 4 / BANDWIDTH] for m, n, k in product((1, 8, 64), sizes, sizes)
            ],
            "decode": [
                [c, length, g, d, 2e-5 + c * length * d * 1e-9]
                for c, length, g, d in product((1, 16), (16, 256), (1, 4), (32, 128))
            ],
            "plain": [[r, h, d, 2e-5 + r * r * h * d * 1e-10] for r, h, d in product((8, 512), (2, 8), (32, 128))],
            "masked": [
                [r, b, h, d, 2e-5 + r * (r + b) * h * d * 1e-10]
                for r, b, h, d in product((8, 512), (16, 1024), (2, 8), (32, 128))
            ],
        },
        "peak": FLOPS,
        "cached": [[1e6, 1.0], [1e8, 0.0]],
        "fresh": 2e-10,
        "terms": {name: [1.0, 1.0, 1e-5] + [0.0] * (WIDTHS[name] - 3) for name in TERMS},
        "engine": {"step": 3e-5, "host": 2e-4, "sequence": 2e-5, "layer": 0.0, "api": 1e-3},
        "jitter": 0.03,
        "errors": {"linear": [0.03, 0.1], "attention": [0.05, 0.2], "whole": [0.04, 0.1]},
    } | changes
