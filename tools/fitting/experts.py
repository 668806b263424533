"""Fits mixtures of experts, one number format at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from doubletime.hardware.machine import ExpertShape, Spec
from doubletime.hardware.ops.experts import Constants, base, roofline
from doubletime.hardware.ops.linear import FLOOR, Peaks, peaks
from doubletime.hardware.ops.routing import TILES, Routing
from doubletime.hardware.specs import SPECS
from tools.fitting import protocol, routers, tables
from tools.fitting.protocol import Floats, Operator, Table

# FP8 in blocks of 128 × 128, as DeepSeek and Qwen publish it. (One scale a tensor takes another kernel in vLLM 0.24, on
# Hopper slower than bfloat16.)
FORMATS = {"bfloat16": "bfloat16", "fp8": "fp8_block", "nvfp4": "nvfp4", "mxfp4": "w4a16_mxfp4"}
TREES = {"trees": 120, "leaves": 16, "rate": 0.1}
SAMPLE = 1500  # rows for the constants of the base
FOLDS = 4  # of the models, each held out once
LARGE = 1 / 8  # of the most tokens: beyond is held out to see extrapolation
# Efficiencies of the four tiles, wave, rounding, memory, elementwise, p, launch, experts; times in microseconds
START = (0.1, 0.2, 0.3, 0.5, 1.0, 0.5, 0.8, 0.8, 2.0, 20.0, 3.0)
LOW = (0.01, 0.01, 0.01, 0.01, 0.0, 0.0, 0.3, 0.1, 1.0, 1.0, 0.0)
HIGH = (1.2, 1.2, 1.2, 1.2, 20.0, 1.0, 1.3, 3.0, 8.0, 100.0, 20.0)
SECONDS = np.array([1, 1, 1, 1, 1e-6, 1, 1, 1, 1, 1e-6, 1e-6])
ONE_MODEL = 0.2  # assumed for other models where a single one was measured

# Two matrices an expert instead of three (Nemotron), and a router that is restricted to half of the experts whatever
# its input (DeepSeek-V3): rows whose work is not what their columns say. The older collector had neither.
_ODD = {(2688, 1856, 6, 128), (2048, 5120, 22, 512), (1024, 2688, 22, 512), (7168, 2048, 8, 256)}
_OLD = {"a100"}
_KERNEL = {"mxfp4": "gptoss"}  # the other mixture in that format was measured with a kernel for another activation
# Bytes of the last-level cache, where they take longer to read from memory than all launches: there a table shows
# layers whose weights were left by the run before, which in a model they never are.
_CACHE = {"l40s": 96 << 20}


def fit(data: Path, machine: str) -> dict[str, dict[str, Any]]:
    """By file stem: one fit for each number format that was measured."""
    path, spec = tables.aiconfigurator(data, machine, "moe"), SPECS[machine]
    if path is None:
        return {f"experts_{weights}": fitted for weights, fitted in _cards(data, machine)}
    formats = measured(data, machine)
    return {
        f"experts_{weights}": fit_format(table, spec, weights, tables.source(path))
        for weights, table in formats.items()
    }


def measured(data: Path, machine: str) -> dict[str, Table]:
    """aiconfigurator's rows by number format, without those that are no layer inside a model."""
    path = tables.aiconfigurator(data, machine, "moe")
    found = {} if path is None else read(path, machine)
    cache = _CACHE.get(machine, 0)
    return {weights: streamed(table, peaks(SPECS[machine], weights), cache) for weights, table in found.items()}


def fit_format(table: Table, spec: Spec, weights: str, source: str) -> dict[str, Any]:
    operator = operator_of(peaks(spec, weights))
    errors = errors_of(table, operator)
    fitted = protocol.fit(table, operator)
    about = {"source": source, "rows": len(table.seconds)}
    if "models" in errors:
        return protocol.as_json(fitted, errors, inside="models", outside="extrapolated", about=about)
    return protocol.as_json(fitted, errors, inside="rows", outside="rows", about=about) | {"outside": ONE_MODEL}


def read(path: Path, machine: str) -> dict[str, Table]:
    """By number format: tokens, shape and routing, and seconds of the quickest kernel."""
    best: dict[str, dict[tuple[Any, ...], float]] = {weights: {} for weights in FORMATS}
    names = {theirs: ours for ours, theirs in FORMATS.items()}
    for row in tables.rows(path):
        model = tuple(int(row[name]) for name in ("hidden_size", "inter_size", "topk", "num_experts"))
        weights = names.get(row["moe_dtype"])
        if weights is None or (model in _ODD and machine not in _OLD):
            continue
        if _KERNEL.get(weights, "") not in row["kernel_source"]:
            continue
        known = best[weights]
        split = int(row["moe_tp_size"]), int(row["moe_ep_size"])
        key = (int(row["num_tokens"]), model, split, row["distribution"])
        known[key] = min(known.get(key, np.inf), float(row["latency_ms"]) * 1e-3)
    old = machine in _OLD
    return {weights: _table(rows, old=old) for weights, rows in best.items() if rows}


def streamed(table: Table, peak: Peaks, cache: int) -> Table:
    """Without the rows whose weights were in the cache: quicker than the memory, or small enough to stay."""
    memory = np.array([roofline(*unpack(row)[1:], peak)[1] for row in table.shapes.tolist()])
    return table.take((table.seconds >= FLOOR * memory) & (memory * peak.bandwidth > cache))


def _table(rows: dict[tuple[Any, ...], float], *, old: bool) -> Table:
    shapes = []
    for tokens, (hidden, inner, top_k, total), (tp, ep), distribution in rows:
        found = routers.routing(distribution, tokens, total, top_k, ep, old=old)
        shape = (hidden, inner // tp, total // ep, total, top_k)
        shapes.append((tokens, *shape, found.active, found.rows, *found.blocks, inner))
    return Table(np.array(shapes, float), np.array(list(rows.values())))


def _cards(data: Path, machine: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """LLMServingSim's table of the one mixture that it measured: tokens and active experts, evenly loaded."""
    for path in tables.card(data, machine, "moe"):
        shapes, seconds = [], []
        for row in tables.rows(path):
            tokens, active = int(row["tokens"]), int(row["activated_experts"])
            load = tokens * 8 / active
            blocks = (active * np.ceil(load / rows) for rows in TILES)
            shapes.append((tokens, 2048, 768, 128, 128, 8, active, tokens * 8, *blocks, 768))
            seconds.append(float(row["time_us"]) * 1e-6)
        table = Table(np.array(shapes, float), np.array(seconds))
        yield "bfloat16", fit_format(table, SPECS[machine], "bfloat16", tables.source(path))


def errors_of(table: Table, operator: Operator) -> dict[str, float]:
    """Rows at random; whole models, a quarter at a time; many tokens."""
    tokens = table.shapes[:, 0]
    splits = {"rows": protocol.random_rows(len(tokens)), "extrapolated": tokens > LARGE * tokens.max()}
    folds = {f"fold {index}": mask for index, mask in enumerate(_folds(table.shapes))}
    errors = protocol.held_out(table, operator, splits | folds)
    by_fold = [errors.pop(name) for name in folds]
    return errors | ({"models": round(float(np.mean(by_fold)), 4)} if folds else {})


def _folds(shapes: Floats) -> list[protocol.Mask]:
    """None where a single model was measured."""
    _, hidden, _, _, total, top_k, *_, inner = shapes.T
    _, model = np.unique(np.stack([hidden, inner, total, top_k], axis=1), axis=0, return_inverse=True)
    model = model.reshape(-1)
    order = np.random.default_rng(protocol.SEED).permutation(model.max() + 1)
    count = min(FOLDS, len(order))
    return [np.isin(model, order[fold::count]) for fold in range(count)] if count > 1 else []


def operator_of(peak: Peaks) -> Operator:
    def evaluate(shapes: Floats, constants: protocol.Constants) -> tuple[Floats, Floats]:
        named = Constants.of(constants)
        found = [base(*unpack(row), peak, named) for row in shapes.tolist()]
        return np.array([seconds for seconds, _ in found]), np.array([features for _, features in found])

    def floor(shapes: Floats) -> Floats:
        return np.array([FLOOR * max(roofline(*unpack(row)[1:], peak)) for row in shapes.tolist()])

    def constants(table: Table) -> protocol.Constants:
        return fit_constants(table, peak)

    return Operator(constants, evaluate, floor, TREES)


def unpack(row: list[float]) -> tuple[int, ExpertShape, Routing]:
    tokens, hidden, inner, experts, total, top_k, active, rows, *blocks, _ = row
    shape = ExpertShape(int(hidden), int(inner), int(experts), int(total), int(top_k))
    return int(tokens), shape, Routing(active, rows, tuple(blocks))


def fit_constants(table: Table, peak: Peaks) -> protocol.Constants:
    """Robust least squares on the logarithm of the time."""
    chosen = np.random.default_rng(protocol.SEED).permutation(len(table.seconds))[:SAMPLE]
    calls = [unpack(row) for row in table.shapes[chosen].tolist()]
    measured = np.log(table.seconds[chosen])

    def residual(values: Floats) -> Floats:
        named = Constants.of(tuple((values * SECONDS).tolist()))
        return np.log([base(*call, peak, named)[0] for call in calls]) - measured

    found = least_squares(residual, START, bounds=(LOW, HIGH), loss="soft_l1", f_scale=0.1, max_nfev=60).x
    return tuple((found * SECONDS).tolist())
