"""A result as a table for the terminal."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

_LATENCIES = {
    "ttft_s": "TTFT",
    "tpot_s": "TPOT",
    "itl_s": "gap between tokens",
    "e2e_s": "whole request",
    "queue_s": "wait for first slab",
}
_COLUMNS = ("mean", "p50", "p90", "p95", "p99", "max")
_NONE = "-"

Json = dict[str, Any]


def show(result: Json, file: IO[str] | None = None) -> None:
    """Prints what was measured: requests, latencies, throughput, SLO, engine, classes."""
    from rich.console import Console

    console = Console(file=file or sys.stdout, highlight=False)
    console.print(_latencies(result))
    console.print(_facts(result))
    if result.get("explain"):
        console.print(_explained(result["explain"]))
    if result["by_class"]:
        console.print(_parts("class", result["by_class"]))
    if result["by_replica"]:
        console.print(_parts("replica", result["by_replica"]))


def _latencies(result: Json) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("milliseconds")
    for column in _COLUMNS:
        table.add_column(column, justify="right")
    for key, name in _LATENCIES.items():
        summary = result[key]
        cells = [_milliseconds(summary[column]) for column in _COLUMNS] if summary else [_NONE] * len(_COLUMNS)
        table.add_row(name, *cells)
    return table


def _facts(result: Json) -> Table:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for name, value in _lines(result):
        table.add_row(name, value)
    return table


def _lines(result: Json) -> list[tuple[str, str]]:
    speed, slo = result["throughput"], result["slo"]
    lines = [
        ("requests", _requests(result["requests"])),
        ("time", f"{result['duration_s']:.2f} s"),
        (
            "throughput",
            f"{speed['requests_per_s']:.2f} requests/s, {speed['prompt_tokens_per_s']:,.0f} prompt tokens/s, "
            f"{speed['output_tokens_per_s']:,.0f} output tokens/s",
        ),
    ]
    if slo["attainment"] is not None:
        lines.append(("SLO", f"{_targets(slo)}met by {slo['attainment']:.1%}; goodput {slo['goodput_rps']:.2f}/s"))
    if result["steps"] is not None:
        lines += _engine(result)
    elif result["prefix_hit_rate"] is not None:
        lines.append(("prefix hits", _share(result["prefix_hit_rate"])))
    if result["config"].get("predictor") == "oracle":
        lines.append(("predictor", "oracle: no step takes longer or shorter than policies learn"))
    if result["error"] is not None:
        lines.append(("error", _error(result["error"])))
    if result["cost"] is not None:
        lines.append(("cost", _cost(result["cost"])))
    if result["client_lag_s"] is not None:
        lines.append(("client lag (p99)", f"{_milliseconds(result['client_lag_s'])} ms{_client_cpu(result)}"))
    return lines


def _client_cpu(result: Json) -> str:
    return f"; it used {result['client_cpu']:.0%} of a core" if "client_cpu" in result else ""


def _requests(requests: Json) -> str:
    others = [f"{requests[name]} {name}" for name in ("failed", "refused", "cancelled") if requests[name]]
    return ", ".join([f"{requests['sent']} sent", f"{requests['completed']} completed", *others])


def _targets(slo: Json) -> str:
    named = [(name, slo[key]) for name, key in (("TTFT", "ttft_s"), ("TPOT", "tpot_s")) if slo[key] is not None]
    return ", ".join(f"{name} ≤ {value:g} s" for name, value in named) + (": " if named else "")


def _engine(result: Json) -> list[tuple[str, str]]:
    waste = f"{result['preemptions']}, {result['recomputed_tokens']} tokens computed again"
    planning = result["scheduler_us_per_step"]
    lines = [
        ("prefix hits", _share(result["prefix_hit_rate"])),
        ("preemptions", waste),
        ("steps", f"{result['steps']}" + (f", planned in {planning:.0f} µs each" if planning is not None else "")),
    ]
    if result["rehit_rate"] is not None:
        lines.insert(2, ("found again", f"{_share(result['rehit_rate'])} of what preemptions took"))
    return lines


def _error(error: Json) -> str:
    figures = error.get("figures")
    if not figures:
        return f"{error['low']:+.1%} to {error['high']:+.1%} of {error['source']}"
    spans = [
        f"{name} {' to '.join(_milliseconds(end) for end in figures[key][point])}"
        for key, name, point in (("ttft_s", "TTFT p50", "p50"), ("ttft_s", "p99", "p99"), ("tpot_s", "TPOT p50", "p50"))
        if key in figures
    ]
    return f"{error['low']:+.1%} to {error['high']:+.1%} of {error['source']}; so {', '.join(spans)} ms"


def _cost(cost: Json) -> str:
    if cost["dollars_per_hour"] is None:
        return f"{cost['devices']} device(s), no price known"
    each = cost["dollars_per_million_output_tokens"]
    tokens = "" if each is None else f", ${each:.2f} per million output tokens"
    return f"{cost['devices']} device(s) at ${cost['dollars_per_hour']:.2f}/h{tokens}"


def _explained(parts: list[Json]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("where step time goes", "share", "may be off by", "because it is"):
        table.add_column(column, justify="right" if column in ("share", "may be off by") else "left")
    for part in parts:
        table.add_row(part["name"], _share(part["share"]), f"±{part['error']:.1%}", part["basis"])
    return table


def _parts(title: str, parts: dict[str, Json]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(f"{title}, ms")
    for column in ("sent", "done", "TTFT p50", "p99", "TPOT p50", "p99", "SLO met"):
        table.add_column(column, justify="right")
    for name, part in parts.items():
        latencies = [_of(part[key], point) for key in ("ttft_s", "tpot_s") for point in ("p50", "p99")]
        counts = [str(part["requests"][key]) for key in ("sent", "completed")]
        table.add_row(name, *counts, *latencies, _share(part["slo"]["attainment"]))
    return table


def _of(summary: Json | None, point: str) -> str:
    return _NONE if summary is None else _milliseconds(summary[point])


def _share(value: float | None) -> str:
    return _NONE if value is None else f"{value:.1%}"


def _milliseconds(seconds: float) -> str:
    value = seconds * 1e3
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
