"""`doubletime compare`: policies × rates × clusters, each rehearsed, side by side in a table and a report."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from doubletime.commands import rehearsal_options as options
from doubletime.commands.spelled import command
from doubletime.core.vocabulary import SLO

if TYPE_CHECKING:
    from doubletime.lab.cell import Rehearse
    from doubletime.lab.compare import Compared
    from doubletime.lab.grid import Load, Variant

_HERE, _SHIPPED = "this machine", "shipped model"  # what --real runs on, and with where nobody says
_LISTS = {"model": "models", "hardware": "hardware"}
_WORDS = options.listed(str)
_WHOLE = options.listed(options.whole)
_COUNTS = options.listed(int)
_NUMBERS = options.listed(options.positive)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        metavar="MODEL",
        help="a folder, a config.json or a published name (with --real default: ships along)",
    )
    _axes(parser.add_argument_group("what is varied (lists joined by commas; every combination is run)"))
    _load(parser.add_argument_group("load"))
    parser.add_argument("--real", action="store_true", help="run for real, in this process: needs doubletime[serve]")
    parser.add_argument(
        "--error-bars",
        action="store_true",
        help="rehearse with slower and faster steps too: how far figures may be off",
    )
    parser.add_argument("--jobs", type=options.whole, metavar="N", help="rehearsals at a time (default: one a core)")
    parser.add_argument("--html", metavar="FILE", help="write the report: one file, nothing outside it")
    parser.add_argument("--json", metavar="FILE", help="write all results there; - prints them instead of the table")
    parser.add_argument("--calibration", metavar="FILE", help="written by `doubletime calibrate`")
    options.engine_arguments(parser.add_argument_group("engine"))


def _axes(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--policies", type=options.policies, default=["fcfs"], metavar="A,B", help="(default: fcfs)")
    group.add_argument("--hardware", type=_WORDS, metavar="A,B", help="see `doubletime hardware`")
    group.add_argument("--tp", type=_WHOLE, default=[1], metavar="1,2", help="devices that share each layer")
    group.add_argument("--pp", type=_WHOLE, default=[1], metavar="1,2", help="stages of layers")
    group.add_argument("--ep", type=_WHOLE, default=[1], metavar="1,8", help="ranks that share the experts")
    group.add_argument("--replicas", type=_WHOLE, default=[1], metavar="1,2", help="engines behind a router")
    group.add_argument(
        "--prefill-replicas", type=_COUNTS, default=[0], metavar="0,1", help="of the replicas; the others then decode"
    )
    group.add_argument(
        "--routers", type=options.policies, default=["round-robin"], metavar="A,B", help="(default: round-robin)"
    )
    group.add_argument("--rates", type=_NUMBERS, default=[], metavar="1,2,4", help="requests a second")
    group.add_argument("--scales", type=_NUMBERS, default=[], metavar="0.5,1,2", help="times the trace's own rate")


def _load(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--trace", required=True, metavar="TRACE", help="a file, or e.g. poisson:rate=2,prompt=512,output=128,n=1000"
    )
    group.add_argument("--limit", type=options.whole, metavar="N", help="most requests of a cell (default: all)")
    group.add_argument("--slo", type=options.slo, default=SLO(), metavar="ttft=S,tpot=S", help="asked of every request")
    group.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Runs every cell, prints the table, writes the report. 0: at least one design can run."""
    from doubletime.lab.compare import compare, tasks, to_json
    from doubletime.progress import Progress

    loads, variants = _grid(args)
    work = tasks(variants, loads, args.slo, args.seed, args.limit)
    jobs = 1 if args.real else args.jobs or os.cpu_count() or 1
    with Progress("cells", len(work), shown=args.json != "-") as bar:
        found = compare(
            work,
            jobs=jobs,
            keep_series=args.html is not None,
            error_bars=args.error_bars,
            rehearse=_real(args),
            progress=bar.advance,
        )
    how = command("compare", args, add_arguments)
    if args.json == "-":
        print(json.dumps(to_json(found, how)))
    else:
        _show(found)
        if args.json:
            Path(args.json).write_text(json.dumps(to_json(found, how), indent=1) + "\n")
    if args.html:
        _write_report(Path(args.html), found, args, how)
    return 0


def _grid(args: argparse.Namespace) -> tuple[list[Load], list[Variant]]:
    """Raises ValueError for a policy or pace that does not exist, before anything runs."""
    from dataclasses import replace

    from doubletime.cluster.routers import load_router
    from doubletime.hardware.known import machine
    from doubletime.lab.grid import loads, variants
    from doubletime.policies import load

    for policy in args.policies:
        load(policy)
    for router in args.routers:
        load_router(router)
    hardware = _hardware(args)
    for name in hardware if not args.real else []:
        machine(name)
    axes = {
        "policy": args.policies,
        "hardware": hardware,
        "tp": args.tp,
        "pp": args.pp,
        "ep": args.ep,
        "replicas": args.replicas,
        "prefill_replicas": args.prefill_replicas,
        "router": args.routers,
    }
    base = options.base_design(args, hardware=hardware[0], policy=args.policies[0])
    base = replace(base, model=args.model or _SHIPPED, calibration=args.calibration)
    return loads(args.trace, args.rates, args.scales), variants(base, axes)


def _hardware(args: argparse.Namespace) -> list[str]:
    if not args.real:
        for name in ("model", "hardware"):
            if not getattr(args, name):
                raise ValueError(f"--{name} is needed: `doubletime {_LISTS[name]}` lists them")
        return list(args.hardware)
    for name in ("tp", "pp", "ep", "replicas"):
        if getattr(args, name) != [1]:
            raise ValueError(f"--real runs one engine on this machine: leave --{name} out")
    for name in ("hardware", "error_bars", "calibration"):
        if getattr(args, name):
            raise ValueError(f"--real measures, on this machine: leave --{name.replace('_', '-')} out")
    return [_HERE]


def _real(args: argparse.Namespace) -> Rehearse | None:
    if not args.real:
        return None
    from doubletime.commands.real import Real

    return Real(args.model)


def _show(found: list[Compared]) -> None:
    from doubletime.lab.compare_table import show

    show(found)


def _write_report(path: Path, found: list[Compared], args: argparse.Namespace, how: str) -> None:
    from doubletime.lab.report.comparison import page

    path.write_text(page(found, args.trace, args.slo, how), encoding="utf-8")
    print(f"report: {path}", file=sys.stderr)
