"""`doubletime calibrate`: fits the overheads of a rehearsal, and one scale per family of operators, to a log."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from doubletime.commands.rehearsal_options import whole

if TYPE_CHECKING:
    from doubletime.lab.calibrate.run import Calibrated


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "log",
        metavar="LOG",
        help="a recording (--record), or JSONL with each request's arrival, tokens and token times",
    )
    parser.add_argument("--model", required=True, help="a published name, a config.json or a folder that has one")
    parser.add_argument("--hardware", required=True, help="see `doubletime hardware`; or a file of `profile`")
    parser.add_argument("--tp", type=whole, default=1, metavar="N", help="tensor-parallel devices (default: 1)")
    parser.add_argument("--pp", type=whole, default=1, metavar="N", help="pipeline stages (default: 1)")
    parser.add_argument("--ep", type=whole, default=1, metavar="N", help="ranks that share the experts (default: 1)")
    parser.add_argument("--dtype", metavar="FORMAT", help="of the weights (default: as published)")
    parser.add_argument("--kv-dtype", metavar="FORMAT", help="of the KV cache (default: as the weights)")
    parser.add_argument(
        "--max-rows", type=whole, default=2048, metavar="N", help="of a JSONL trace: most tokens a step"
    )
    parser.add_argument("--in-flight", type=whole, default=2, metavar="N", help="of JSONL: 1 synchronous, 2 overlapped")
    parser.add_argument("--out", metavar="FILE", help="write it there, for `simulate --calibration FILE`")
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(args: argparse.Namespace) -> int:
    """Prints what was learnt; ValueError or OSError where the log or the layout is unusable."""
    from doubletime.hardware.known import machine
    from doubletime.lab.calibrate.run import calibrate, save
    from doubletime.lab.rehearsal.assembly import layout_of
    from doubletime.lab.rehearsal.design import Design
    from doubletime.shapes.find import find_shape

    shape = find_shape(args.model)
    formats = {"dtype": args.dtype, "kv_dtype": args.kv_dtype}
    design = Design(args.model, args.hardware, tp=args.tp, pp=args.pp, ep=args.ep, **formats)
    found = calibrate(
        Path(args.log), shape, machine(args.hardware), layout_of(design, shape),
        rows=args.max_rows, overlap=args.in_flight > 1,
    )  # fmt: skip
    if args.out:
        save(found, Path(args.out))
    if args.json:
        print(json.dumps(found.to_json()))
    else:
        _show(found, args.out)
    return 0


def _show(found: Calibrated, out: str | None) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("", "fitted", "machine's own", "may be off by"):
        table.add_column(column, justify="left" if not column else "right")
    for name, scale in found.scales().items():
        table.add_row(name, *(f"x {value:.3f}" for value in scale[:2]), f"±{scale[2]:.1%}")
    for name, seconds in found.overheads().items():
        table.add_row(name, *(f"{value * 1e6:,.1f} µs" for value in seconds[:2]), f"±{seconds[2] * 1e6:,.1f} µs")
    console = Console(highlight=False)
    console.print(table)
    console.print(f"{found.count} {found.source}: typical error {found.before:.1%} before, {found.after:.1%} after")
    if out:
        console.print(f"written to {out}: rehearse with it by `doubletime simulate --calibration {out} …`")
