"""Fits collectives: one curve for each kind and number of ranks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from doubletime.hardware.specs import SPECS
from tools.fitting import curves, tables
from tools.fitting.protocol import Floats

ELEMENT = 2  # bytes: the tables count elements of half precision
NAMES = {"h100": "H100-SXM-80GB", "h200": "H200-SXM-141GB"}
Points = dict[tuple[str, int], dict[float, float]]  # (kind, ranks) → size → seconds


def fit(data: Path, machine: str) -> dict[str, dict[str, Any]]:
    path = tables.aiconfigurator(data, machine, "custom_allreduce")
    if path is None:
        return {}
    points = read(data, machine)
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for (kind, ranks), times in sorted(points.items()):
        found[kind][str(ranks)] = curves.fit(*_arrays(times))
    inside, outside = _held_out(points)
    held_out = {"rows": inside, "extrapolated": outside}
    about = {"source": f"{tables.source(path)} and NCCL", "rows": sum(map(len, points.values())), "held_out": held_out}
    fitted = {"link": SPECS[machine].link, "inside": inside, "outside": outside, "about": about, "curves": dict(found)}
    return {"collective": fitted}


def read(data: Path, machine: str) -> Points:
    """The quicker of the custom kernel (in a captured graph) and NCCL; sends where they were measured."""
    points: Points = defaultdict(dict)
    for kind, ranks, size, seconds in (*_reduces(data, machine), *_nccl(data, machine), *_sends(data, machine)):
        known = points[kind, ranks]
        known[size] = min(seconds, known.get(size, seconds))
    return points


def _reduces(data: Path, machine: str) -> Iterator[tuple[str, int, float, float]]:
    path = tables.aiconfigurator(data, machine, "custom_allreduce")
    assert path is not None
    for row in tables.rows(path):
        if row["backend"] == "vllm_graph":
            yield (
                "all_reduce",
                int(row["num_gpus"]),
                ELEMENT * float(row["message_size"]),
                float(row["latency_ms"]) * 1e-3,
            )


def _nccl(data: Path, machine: str) -> Iterator[tuple[str, int, float, float]]:
    for path in (data / "aiconfigurator" / tables.SYSTEMS[machine]).glob("nccl_*.csv.gz"):
        for row in tables.rows(path):
            if row["nccl_dtype"] == "half":
                size = ELEMENT * float(row["message_size"])
                yield row["op_name"], int(row["num_gpus"]), size, float(row["latency_ms"]) * 1e-3


def _sends(data: Path, machine: str) -> Iterator[tuple[str, int, float, float]]:
    """APEX where it has the machine; for A100 Vidur's, between two devices of a DGX."""
    if machine in NAMES:
        for row in tables.rows(data / "apex" / f"{NAMES[machine]}_sendrecv.csv.gz"):
            if row["dtype"] == "half" and float(row["size(kb)"]) > 0:
                yield "send", 2, 1024 * float(row["size(kb)"]), float(row["time(us)"]) * 1e-6
    if machine == "a100":
        for row in tables.rows(data / "vidur" / "network_a100_dgx_send_recv.csv.gz"):
            if row["devices_per_node"] == "2":
                yield "send", 2, float(row["size"]), float(row["time_stats.send_recv.median"]) * 1e-3


def _arrays(times: dict[float, float]) -> tuple[Floats, Floats]:
    return curves.without_spikes(np.array(list(times)), np.array(list(times.values())))


def _held_out(points: Points) -> tuple[float, float]:
    """Every second size left out; and the largest eighth, reached by the bandwidth below it."""
    inner, beyond = [], []
    for times in points.values():
        sizes = np.array(sorted(times))
        seconds = np.array([times[size] for size in sizes])
        rest = np.arange(len(sizes)) % 2 == 0
        curve = curves.fit(*curves.without_spikes(sizes[rest], seconds[rest]))
        inner.append(np.abs(curves.read(curve, sizes[~rest]) / seconds[~rest] - 1))
        cut = len(sizes) * 7 // 8
        slope = (seconds[cut - 1] - seconds[cut - 2]) / (sizes[cut - 1] - sizes[cut - 2])
        reached = seconds[cut - 1] + slope * (sizes[cut:] - sizes[cut - 1])
        beyond.append(np.abs(reached / seconds[cut:] - 1))
    return round(float(np.concatenate(inner).mean()), 4), round(float(np.concatenate(beyond).mean()), 4)
