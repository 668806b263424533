"""`doubletime hardware`: known machines by their data sheets, and how far each fit is off what it had not seen."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from doubletime.hardware.machine import Spec

    Json = dict[str, Any]

FORMATS = ("bfloat16", "fp8", "nvfp4")
SPLITS = {  # a column for each way of holding out, and what the fits call it
    "random": ("rows",),
    "groups": ("shapes", "heads", "models", "levels"),
    "grid": ("grid",),
    "beyond": ("extrapolated", "far"),
    "machine": ("worst",),
}
LEGEND = (
    "Mean error on measurements that a fit had not seen. random: rows by chance; groups: whole matrices, combinations "
    "of heads, models, or grid levels; grid: all sizes but those of a coarse grid; beyond: sizes beyond all others; "
    "machine: another machine."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="one machine in detail (default: list all)")
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    """Prints the list, or one machine; ValueError for an unknown name."""
    from doubletime.hardware.known import spec_of
    from doubletime.hardware.specs import SPECS

    specs = list(SPECS.values()) if args.name is None else [spec_of(args.name)]
    rows = [describe(spec) for spec in specs]
    if args.json:
        print(json.dumps(rows if args.name is None else rows[0]))
    elif args.name is None:
        _show_list(rows)
    else:
        _show_one(rows[0])
    return 0


def describe(spec: Spec) -> Json:
    """The data sheet, and `operators`: every fit that answers for this machine, with the machine it was measured on."""
    from dataclasses import asdict

    from doubletime.hardware.estimate import Basis, Estimate
    from doubletime.hardware.store import Loaded, Store, all_stems

    store = Store(spec.name)
    operators = []
    for stem in all_stems():
        found = store.find(stem)
        if found is None or stem == "overheads" or _other_format(stem, spec):
            continue
        about = found.data["about"]
        error = found.data.get("inside", next(iter(about["held_out"].values())))
        stated = Loaded(None, found.machine == spec.name).judge(Estimate(1.0, error, Basis.INTERPOLATED))
        operators.append({"operator": stem, "measured_on": found.machine, "error": stated.error} | about)
    return asdict(spec) | {"overheads_s": (store.own("overheads") or {}).get("seconds"), "operators": operators}


def _other_format(stem: str, spec: Spec) -> bool:
    """A product in a number format that this machine cannot multiply in."""
    from doubletime.hardware.ops.linear import PREFIX, native

    return stem.startswith(PREFIX) and native(spec, stem.removeprefix(PREFIX)) is None


def _show_list(rows: list[Json]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    peaks = (f"{name} TFLOP/s" for name in FORMATS)
    table = _table("hardware", "GiB", "memory GB/s", *peaks, "link GB/s", "$/h")
    for row in rows:
        flops = [f"{row['flops'][name] / 1e12:,.0f}" if name in row["flops"] else "" for name in FORMATS]
        rates = [f"{row[name] / 1e9:,.0f}" for name in ("bandwidth", "link")]
        price = f"{row['dollars_per_hour']:.2f}"
        table.add_row(row["name"], _gib(row), rates[0], *flops, rates[1], price)
    console.print(table)
    console.print("Data sheets: dense peaks, links one way. Prices are an assumption: give yours.", style="dim")
    console.print(_errors(rows))
    console.print(
        "Mean error on measurements that a fit had not seen; ~: borrowed, not measured.\n"
        "`doubletime hardware NAME` shows each fit with its source.",
        style="dim",
    )


def _errors(rows: list[Json]) -> Table:
    """One line for each operator that any machine has: the error that its answers state inside what was measured."""
    operators = list(dict.fromkeys(part["operator"] for row in rows for part in row["operators"]))
    table = _table("held-out error", *(row["name"] for row in rows))
    for operator in operators:
        parts = [next((part for part in row["operators"] if part["operator"] == operator), None) for row in rows]
        table.add_row(_label(operator), *(_cell(part, row["name"]) for part, row in zip(parts, rows, strict=True)))
    return table


def _cell(part: Json | None, machine: str) -> str:
    if part is None:
        return ""
    if part["measured_on"] != machine:
        return f"[dim]~{part['error']:.0%}[/]"
    return _percent(part["error"])


def _show_one(row: Json) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    console.print(_facts(row))
    console.print(_fits(row))
    console.print(_sources(row))
    console.print(f"\n{LEGEND}", style="dim")


def _facts(row: Json) -> Table:
    from rich.table import Table

    rates = {"memory": "bandwidth", "link": "link", "PCIe": "pcie", "network": "network"}
    lines = {
        f"[bold]{row['name']}[/]": f"{_gib(row)} GiB, {row['units']} multiprocessors, {row['watts']:.0f} W",
        "TFLOP/s": ", ".join(f"{name} {flops / 1e12:,.0f}" for name, flops in row["flops"].items()),
        "bytes/s": ", ".join(f"{name} {_rate(row[key])}" for name, key in rates.items()),
        "node": f"{row['node']} devices",
        "price": f"${row['dollars_per_hour']:.2f}/h, an assumption",
        "overheads": _overheads(row["overheads_s"]),
    }
    table = Table.grid(padding=(0, 2))
    for name, value in lines.items():
        table.add_row(name, value)
    return table


def _overheads(seconds: Json | None) -> str:
    return ", ".join(f"{name} {_microseconds(value)} µs" for name, value in (seconds or {}).items())


def _microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f}" if seconds >= 1e-5 else f"{seconds * 1e6:.2g}"


def _fits(row: Json) -> Table:
    table = _table("held-out error", *SPLITS, "rows", "of")
    for part in row["operators"]:
        errors = [[part["held_out"][name] for name in names if name in part["held_out"]] for names in SPLITS.values()]
        cells = [_percent(max(found, default=None)) for found in errors]
        style = "" if part["measured_on"] == row["name"] else "dim"
        table.add_row(_label(part["operator"]), *cells, f"{part['rows']:,}", part["measured_on"], style=style)
    return table


def _sources(row: Json) -> Table:
    """Each source with the operators that it measured."""
    from rich.table import Table

    by_source: dict[str, list[str]] = {}
    for part in row["operators"]:
        by_source.setdefault(part["source"], []).append(_label(part["operator"]))
    table = Table.grid(padding=(0, 2))
    for source, operators in by_source.items():
        table.add_row(source, ", ".join(operators))
    return table


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    for at, column in enumerate(columns):
        table.add_column(column, justify="right" if at else "left", no_wrap=" " not in column or not at)
    return table


def _label(operator: str) -> str:
    return operator.replace("attention_latent", "latent").replace("bfloat16", "bf16").replace("_", " ")


def _percent(error: float | None) -> str:
    return "" if error is None else f"{error:.1%}"


def _gib(row: Json) -> str:
    return f"{row['capacity'] / 2**30:.0f}"


def _rate(value: float) -> str:
    return f"{value / 1e12:.2f} TB/s" if value >= 1e12 else f"{value / 1e9:.0f} GB/s"
