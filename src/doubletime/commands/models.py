"""`doubletime models`: the shapes that are known by name, or one model's numbers."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from doubletime.shapes import ModelShape

GB, KB = 1e9, 1e3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="a published name, a config.json, a folder or a cached hub name (default: list all published names)",
    )
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    """Lists all published shapes, or tells one model's numbers."""
    from doubletime.shapes import PUBLISHED, published_shape
    from doubletime.shapes.find import find_shape

    if args.name is not None:
        facts = _facts(args.name, find_shape(args.name))
        print(json.dumps(facts) if args.json else _lines(facts))
        return 0
    rows = [_facts(name, published_shape(name)) for name in PUBLISHED]
    if args.json:
        print(json.dumps(rows))
    else:
        _show(rows)
    return 0


def _facts(name: str, shape: ModelShape) -> dict[str, Any]:
    from doubletime.shapes import RUNNABLE, bytes_of_rank, parameters
    from doubletime.shapes.formats import ELEMENT_BYTES
    from doubletime.shapes.memory import kv_bytes_per_layer

    per_layer = kv_bytes_per_layer(shape, ELEMENT_BYTES[shape.dtype])
    moe = shape.moe
    return {
        "name": name,
        "family": shape.family,
        "parameters": parameters(shape),
        "weight_bytes": bytes_of_rank(shape),
        "weights": (moe.weights if moe else "") or shape.weights or shape.dtype,
        "layers": shape.layers,
        "hidden": shape.hidden,
        "heads": shape.heads,
        "kv_heads": 0 if shape.latent else shape.kv_heads,
        "latent": shape.latent.width if shape.latent else 0,
        "experts": moe.experts if moe else 0,
        "experts_per_token": moe.top_k if moe else 0,
        "window": max(shape.windows),
        "kv_bytes_per_token": per_layer * shape.layers,
        "kv_bytes_per_token_beyond_window": per_layer * shape.windows.count(0),
        "context": shape.max_position,
        "runs": shape.family in RUNNABLE,
    }


def _show(rows: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("name", no_wrap=True)
    for title in ("size", "weights", "KV/token", "experts", "context", "torch"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row["name"], *_cells(row))
    console = Console(highlight=False)
    console.print(table)
    console.print("Weights in their published number format. KV in 16 bits, while no window has left the token behind.")
    console.print("torch: doubletime can compute it; the others it can only rehearse (doubletime simulate).")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    experts = f"{row['experts_per_token']}/{row['experts']}" if row["experts"] else "-"
    return (
        _count(row["parameters"]),
        f"{row['weight_bytes'] / GB:,.1f} GB",
        f"{row['kv_bytes_per_token'] / KB:,.0f} kB",
        experts,
        f"{row['context'] // 1024}k",
        "yes" if row["runs"] else "-",
    )


def _lines(facts: dict[str, Any]) -> str:
    return "\n".join(f"{name.replace('_', ' '):36}{_plain(value)}" for name, value in facts.items())


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _count(parameters: int) -> str:
    return f"{parameters / 1e9:,.1f} B" if parameters >= 1e9 else f"{parameters / 1e6:,.0f} M"
