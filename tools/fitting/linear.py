"""Fits matrix products, one number format at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import least_squares  # type: ignore[import-untyped]

from doubletime.hardware.machine import Spec
from doubletime.hardware.ops.linear import FLOOR, Constants, Peaks, base, peaks, roofline
from doubletime.hardware.specs import SPECS
from tools.fitting import protocol, tables
from tools.fitting.cards import models
from tools.fitting.protocol import Floats, Operator, Table

TREES = {"trees": 120, "leaves": 16, "rate": 0.2}
SAMPLE = 2000  # rows for the constants of the base
# efficiencies of the four tiles, split, rounding, memory, p, launch in microseconds
START = (0.5, 0.6, 0.7, 0.7, 0.5, 0.5, 0.8, 2.0, 3.0)
LOW = (0.05, 0.05, 0.05, 0.05, 0.0, 0.0, 0.3, 0.7, 0.5)
HIGH = (1.2, 1.2, 1.2, 1.2, 1.0, 1.0, 1.2, 8.0, 20.0)
LAUNCHED = 40e-6  # seconds: a table whose quickest rows take longer was timed with launches from the host
SPIKE = 1.5  # times a larger product: something else ran
LARGE_M, LARGE_WEIGHTS = 1 / 8, 1 << 28  # of the largest m, and n·k: the corner held out to see extrapolation


def fit(data: Path, machine: str) -> dict[str, dict[str, Any]]:
    """By file stem: one fit for each number format that was measured."""
    return {
        f"linear_{weights}": fit_format(clean(formats, weights, SPECS[machine]), SPECS[machine], weights, source)
        for source, formats in measured(data, machine)
        for weights in formats
    }


def measured(data: Path, machine: str) -> Iterator[tuple[str, dict[str, Table]]]:
    """Source, and its tables by number format."""
    path = tables.aiconfigurator(data, machine, "gemm")
    if path is not None:
        yield tables.source(path), read(path)
    cards = list(models(data, machine))
    if cards:
        yield tables.source(cards[0][0]), {"bfloat16": _cards(data, machine)}


def fit_format(table: Table, spec: Spec, weights: str, source: str) -> dict[str, Any]:
    operator = operator_of(peaks(spec, weights))
    errors = protocol.held_out(table, operator, splits(table))
    about = {"source": source, "rows": len(table.seconds)}
    fitted = protocol.fit(table, operator)
    found = protocol.as_json(fitted, errors, inside="shapes", outside="extrapolated", about=about)
    return found | {"measured": measured_shapes(table) | {"error": errors["rows"]}}


def measured_shapes(table: Table) -> dict[str, Any]:
    """What ops.linear.Measured reads: all m, and all (n, k)."""
    m, matrices = np.unique(table.shapes[:, 0]), np.unique(table.shapes[:, 1:], axis=0)
    return {"rows": m.astype(int).tolist(), "matrices": matrices.astype(int).tolist()}


def clean(formats: dict[str, Table], weights: str, spec: Spec) -> Table:
    """What a product costs inside a model: without launches, spikes, and weights that stayed in the cache."""
    table, plain = formats[weights], weights.removesuffix("_block")
    if plain != weights and plain in formats:
        table = captured(table, formats[plain])
    return streamed(steady(table), peaks(spec, weights))


def read(path: Path) -> dict[str, Table]:
    """By number format: (m, n, k) and seconds, the quickest kernel of each shape."""
    best: dict[str, dict[tuple[int, int, int], float]] = {}
    for row in tables.rows(path):
        shape = (int(row["m"]), int(row["n"]), int(row["k"]))
        known = best.setdefault(row["gemm_dtype"], {})
        known[shape] = min(known.get(shape, np.inf), float(row["latency_ms"]) * 1e-3)
    return {
        weights: Table(np.array(list(rows), float), np.array(list(rows.values()))) for weights, rows in best.items()
    }


def _cards(data: Path, machine: str) -> Table:
    """The layers of the profiled models by tokens, their heads by sequences."""
    found: dict[tuple[int, int, int], float] = {}
    for table, count in (("dense", "tokens"), ("per_sequence", "sequences")):
        for path, model in models(data, machine, table):
            products = model.products()
            for row in tables.rows(path):
                if row["layer"] in products:
                    found[(int(row[count]), *products[row["layer"]])] = float(row["time_us"]) * 1e-6
    return Table(np.array(list(found), float), np.array(list(found.values())))


def captured(table: Table, plain: Table) -> Table:
    """Without the rows that show the host's launch instead of the kernel, where a table was timed without a graph.

    Those are the shapes that take less than the launch in `plain`, the same format without blocks. Choosing by the
    measured time itself would keep only the slow ones of the small products.
    """
    quickest = np.quantile(table.seconds, 0.05)
    if quickest < LAUNCHED:
        return table
    kernel = {tuple(shape): seconds for shape, seconds in zip(plain.shapes, plain.seconds, strict=True)}
    return table.take(np.array([kernel.get(tuple(shape), 0.0) > quickest for shape in table.shapes]))


def steady(table: Table) -> Table:
    """Without spikes: rows that take much longer than the same matrix takes for more rows, up to twice as many."""
    order = np.lexsort((table.shapes[:, 0], table.shapes[:, 2], table.shapes[:, 1]))
    shapes, seconds = table.shapes[order], table.seconds[order]
    keep = np.ones(len(order), dtype=bool)
    for at, (m, n, k) in enumerate(shapes):
        ahead = at + 1
        while ahead < len(order) and shapes[ahead, 0] <= 2 * m and (shapes[ahead, 1:] == (n, k)).all() and keep[at]:
            keep[at] = seconds[at] <= SPIKE * seconds[ahead]
            ahead += 1
    return Table(shapes[keep], seconds[keep])


def streamed(table: Table, peak: Peaks) -> Table:
    """Without the rows that are quicker than the memory: their weights were in the cache; in a model they are not."""
    memory = np.array([roofline(int(m), int(n), int(k), peak)[1] for m, n, k in table.shapes])
    return table.take(table.seconds >= FLOOR * memory)


def splits(table: Table) -> dict[str, protocol.Mask]:
    """Rows; whole (n, k); all m that are no power of two; large m or large weights."""
    m, n, k = table.shapes.T
    return {
        "rows": protocol.random_rows(len(m)),
        "shapes": protocol.random_groups(table.shapes[:, 1:]),
        "grid": np.log2(m) % 1 > 0,
        "extrapolated": (m > LARGE_M * m.max()) | (n * k > LARGE_WEIGHTS),
    }


def operator_of(peak: Peaks) -> Operator:
    def evaluate(shapes: Floats, constants: protocol.Constants) -> tuple[Floats, Floats]:
        named = Constants.of(constants)
        found = [base(int(m), int(n), int(k), peak, named) for m, n, k in shapes]
        return np.array([seconds for seconds, _ in found]), np.array([features for _, features in found])

    def floor(shapes: Floats) -> Floats:
        return np.array([FLOOR * max(roofline(int(m), int(n), int(k), peak)) for m, n, k in shapes])

    def constants(table: Table) -> protocol.Constants:
        return fit_constants(table, peak)

    return Operator(constants, evaluate, floor, TREES)


def fit_constants(table: Table, peak: Peaks) -> protocol.Constants:
    """Robust least squares on the logarithm of the time."""
    chosen = np.random.default_rng(protocol.SEED).permutation(len(table.seconds))[:SAMPLE]
    shapes = [(int(m), int(n), int(k)) for m, n, k in table.shapes[chosen]]
    measured = np.log(table.seconds[chosen])

    def residual(values: Floats) -> Floats:
        named = Constants.of((*values[:-1], values[-1] * 1e-6))
        return np.log([base(*shape, peak, named)[0] for shape in shapes]) - measured

    found = least_squares(residual, START, bounds=(LOW, HIGH), loss="soft_l1", f_scale=0.1, max_nfev=30).x
    return (*map(float, found[:-1]), float(found[-1]) * 1e-6)
