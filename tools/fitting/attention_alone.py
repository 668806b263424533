"""Fits calls of one kind: prefill chunks, or decodes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from doubletime.hardware.machine import Spec
from doubletime.hardware.ops import attention_decode, attention_prefill
from doubletime.hardware.ops.attention_kernels import KERNELS
from doubletime.hardware.specs import SPECS
from tools.fitting import attention_tables as rows
from tools.fitting import protocol
from tools.fitting.attention_tables import CONTEXT, DECODES, START, TOKENS, chunks_of, heads_of
from tools.fitting.bounded import Bounds, base_of, fit_bounded
from tools.fitting.protocol import Floats, Mask, Operator, Table
from tools.fitting.tables import CARDS

TREES: dict[str, Any] = {"trees": 120, "leaves": 16, "rate": 0.2}
FAR = {"prefill": 4096, "decode": 8192}  # tokens in the cache beyond which rows are held out to see extrapolation
# launch, wave, e, s, r, m, a, p
PREFILL = Bounds(
    start=(1e-5, 1e-6, 1.5, 20, 16, 1.2, 1.0, 2.5),
    low=(1e-6, 1e-8, 0.9, 4, 0.1, 0.9, 0.2, 1.0),
    high=(4e-5, 3e-6, 5, 200, 64, 5, 5, 4),
)
# launch, wave, head, m, s, e, p, kept, hot
DECODE = Bounds(
    start=(1e-5, 1e-6, 1e-8, 1.2, 1.0, 0.1, 2.0, 5e-5, 0.3),
    low=(1e-6, 1e-8, 1e-9, 0.9, 0.05, 0.01, 1.0, 5e-6, 0.05),
    high=(4e-5, 1e-4, 1e-5, 3.0, 20, 20, 6, 1e-3, 1.0),
)


BOUNDS = {"prefill": PREFILL, "decode": DECODE}
# Where other kernels ran between two calls, nothing was kept in the cache: hot is 1.
COLD = DECODE._replace(start=(*DECODE.start[:-1], 0.99), low=(*DECODE.low[:-1], 0.98))


def fit(data: Path, machine: str) -> dict[str, dict[str, Any]]:
    """By file stem: one fit for each kind and KV format that was measured."""
    found = {}
    for kind in ("prefill", "decode"):
        for kv, kernel, source, table in rows.alone(data, machine, kind):
            bounds = COLD if kind == "decode" and machine in CARDS else BOUNDS[kind]
            found[f"attention_{kind}_{kv}"] = fit_kind(table, kind, kv, kernel, SPECS[machine], source, bounds)
    return found


def fit_kind(table: Table, kind: str, kv: str, kernel: str, spec: Spec, source: str, bounds: Bounds) -> dict[str, Any]:
    operator = operator_of(kind, kv, kernel, spec, bounds)
    errors = protocol.held_out(table, operator, splits(table, kind))
    about = {"source": source, "rows": len(table.seconds)}
    inside = "heads" if "heads" in errors else "rows"
    found = protocol.as_json(protocol.fit(table, operator), errors, inside=inside, outside="far", about=about)
    return {"kernel": kernel, "prefixes": bool((table.shapes[:, START] > 0).any()), **found}


def splits(table: Table, kind: str) -> dict[str, Mask]:
    """Rows; a quarter of (heads, KV heads); the longest sequences."""
    shapes = table.shapes
    length = shapes[:, START] + shapes[:, TOKENS] if kind == "prefill" else shapes[:, CONTEXT] - 1
    found = {"rows": protocol.random_rows(len(shapes)), "far": length > FAR[kind]}
    heads = shapes[:, :2]
    if len(np.unique(heads, axis=0)) > 1:
        found["heads"] = protocol.random_groups(heads, share=0.25)
    return found


def operator_of(kind: str, kv: str, kernel: str, spec: Spec, bounds: Bounds) -> Operator:
    terms, features, base = _prefill(kv, spec) if kind == "prefill" else _decode(kv, kernel, spec)

    def evaluate(shapes: Floats, constants: protocol.Constants) -> tuple[Floats, Floats]:
        found = [terms(row) for row in shapes]
        x = np.array([features(row, term) for row, term in zip(shapes, found, strict=True)])
        return base_of(base, found, constants), x

    def constants(table: Table) -> protocol.Constants:
        return fit_bounded(base, [terms(row) for row in table.shapes], table.seconds, bounds)

    return Operator(constants, evaluate, lambda shapes: np.zeros(len(shapes)), TREES)


Parts = tuple[Callable[[Floats], Any], Callable[[Floats, Any], list[float]], Callable[..., Any]]


def _prefill(kv: str, spec: Spec) -> Parts:
    return (
        lambda row: attention_prefill.terms(heads_of(row, kv), chunks_of(row), spec),
        lambda row, x: attention_prefill.features(heads_of(row, kv), chunks_of(row), x),
        attention_prefill.base,
    )


def _decode(kv: str, kernel: str, spec: Spec) -> Parts:
    return (
        lambda row: attention_decode.terms(heads_of(row, kv), row[DECODES], row[CONTEXT], spec, KERNELS[kernel]),
        lambda row, x: attention_decode.features(heads_of(row, kv), row[DECODES], row[CONTEXT], x),
        attention_decode.base,
    )
