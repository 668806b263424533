"""`doubletime simulate`: one rehearsal of a model, hardware, a policy and traffic in virtual time."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doubletime.commands.rehearsal_options import base_design, engine_arguments, positive, share, size, slo, whole
from doubletime.core.vocabulary import SLO

if TYPE_CHECKING:
    from doubletime.lab.rehearsal.design import Design
    from doubletime.lab.rehearsal.run import Rehearsed
    from doubletime.lab.workload.job import Workload


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, help="a published name, a config.json or a folder that has one")
    parser.add_argument("--hardware", required=True, help="see `doubletime hardware`; or a file of `profile`")
    parser.add_argument("--trace", required=True, help="a file, or e.g. poisson:rate=2,prompt=512,output=128,n=1000")
    parser.add_argument("--limit", type=whole, metavar="N", help="most requests (default: all)")
    parser.add_argument("--policy", default="fcfs", help="see `doubletime policies` (default: %(default)s)")
    parser.add_argument("--slo", type=slo, default=SLO(), metavar="ttft=S,tpot=S", help="asked of every request")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="write the result there; - prints it instead of the table")
    _layout_arguments(parser.add_argument_group("cluster"))
    _answer_arguments(parser.add_argument_group("answers"))
    engine_arguments(parser.add_argument_group("engine"))


def _layout_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--tp", type=whole, default=1, metavar="N", help="tensor-parallel devices (default: 1)")
    group.add_argument("--pp", type=whole, default=1, metavar="N", help="pipeline stages (default: 1)")
    group.add_argument("--ep", type=whole, default=1, metavar="N", help="ranks that share the experts (default: 1)")
    group.add_argument("--replicas", type=whole, default=1, metavar="N", help="engines behind the router (default: 1)")
    group.add_argument(
        "--router", default="round-robin", metavar="NAME",
        help="round-robin (default), least-outstanding, least-ttft, prefix-aware, kv-aware, longest-prefix",
    )  # fmt: skip
    group.add_argument(
        "--prefill-replicas", type=whole, default=0, metavar="N", help="that only prefill; the rest decode"
    )
    group.add_argument("--decode-hardware", metavar="NAME", help="of those that decode (default: as the others)")
    group.add_argument("--decode-tp", type=whole, metavar="N", help="of those that decode (default: as the others)")
    group.add_argument(
        "--handoff", type=size, metavar="SIZE", help="KV that may wait in a prefill engine to be fetched"
    )
    group.add_argument(
        "--scaler",
        metavar="NAME:KNOB=V,…",
        help="add and remove replicas: outstanding or queue-delay, e.g. outstanding:target=16",
    )
    group.add_argument(
        "--fail", type=failure, action="append", default=[], metavar="REPLICA:AT[:BACK]",
        help="a replica dies at a second, and another takes its place BACK seconds later (default: never); repeatable",
    )  # fmt: skip


def _answer_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--explain", action="store_true", help="where the seconds of the steps go")
    group.add_argument(
        "--error-bars",
        action="store_true",
        help="rehearse with slower and faster steps too: how far figures may be off",
    )
    group.add_argument("--perfetto", metavar="FILE", help="write the steps as a trace for ui.perfetto.dev")
    group.add_argument("--find-capacity", action="store_true", help="bisect the rate that still meets the SLO")
    group.add_argument(
        "--attainment", type=share, default=0.9, metavar="S", help="share that must meet it (default: %(default)s)"
    )
    group.add_argument("--tolerance", type=positive, default=0.02, help="of the rate found (default: %(default)s)")
    group.add_argument("--calibration", metavar="FILE", help="written by `doubletime calibrate`")
    group.add_argument(
        "--oracle", action="store_true", help="steps do not scatter: what policies learn of their times is exact"
    )


def failure(text: str) -> tuple[int, float, float | None]:
    """REPLICA:AT or REPLICA:AT:BACK, in seconds."""
    parts = text.split(":")
    try:
        index, at, *back = int(parts[0]), *map(float, parts[1:])
        if len(back) > 1:
            raise ValueError
    except (ValueError, TypeError):
        raise argparse.ArgumentTypeError(f"must be REPLICA:AT or REPLICA:AT:BACK in seconds, not {text!r}") from None
    return index, at, back[0] if back else None


def run(args: argparse.Namespace) -> int:
    """1 if not a single request was completed, or no rate meets the SLO."""
    design = _design(args)
    if args.find_capacity:
        return _capacity(args, design)
    workload = _workload(args)
    found = _rehearse(args, design, workload, keep_steps=bool(args.perfetto))
    if args.error_bars:
        found.result["error"] = _bars(args, design, workload, found)
    if args.perfetto:
        from doubletime.lab.perfetto import write_trace

        write_trace(found.steps, Path(args.perfetto), {"config": found.result["config"]})
    if args.explain and found.sample is not None:
        found.result["explain"] = found.sample.parts()
    _report(args, found)
    return 0 if found.result["requests"]["completed"] else 1


def _design(args: argparse.Namespace) -> Design:
    return replace(
        base_design(args, hardware=args.hardware, policy=args.policy),
        tp=args.tp,
        pp=args.pp,
        ep=args.ep,
        replicas=args.replicas,
        router=args.router,
        prefill_replicas=args.prefill_replicas,
        decode_hardware=args.decode_hardware,
        decode_tp=args.decode_tp,
        handoff=args.handoff,
        scaler=args.scaler,
        failures=tuple(args.fail),
        calibration=args.calibration,
        jitter=0.0 if args.oracle else None,
    )


def _workload(args: argparse.Namespace) -> Workload:
    from doubletime.lab.workload.open import open_workload

    return open_workload(args.trace, seed=args.seed, limit=args.limit)


def _rehearse(
    args: argparse.Namespace, design: Design, workload: Workload, *, keep_steps: bool = False, slower: float = 1.0
) -> Rehearsed:
    from doubletime.lab.rehearsal.run import rehearse
    from doubletime.progress import Progress

    with Progress("requests", workload.requests, shown=args.json != "-") as bar:
        return rehearse(
            design, workload, slo=args.slo, seed=args.seed, keep_steps=keep_steps, slower=slower, progress=bar.advance
        )


def _bars(args: argparse.Namespace, design: Design, workload: Workload, found: Rehearsed) -> dict[str, Any] | None:
    """Every figure once more with all steps faster, and slower, by the error of their times."""
    from doubletime.lab.rehearsal.bars import spread

    error = found.result["error"]
    if error is None:
        return None
    ends = [_rehearse(args, design, workload, slower=1 + error[end]).result for end in ("low", "high")]
    return {**error, "figures": spread(*ends)}


def _capacity(args: argparse.Namespace, design: Design) -> int:
    from doubletime.lab.capacity_of import capacity_of, show
    from doubletime.lab.cell import Cell
    from doubletime.progress import Progress

    for option in ("error_bars", "perfetto", "explain"):
        if getattr(args, option):
            raise ValueError(f"--{option.replace('_', '-')} is about one rehearsal; --find-capacity makes many")
    cell = Cell(design, args.trace, args.slo, args.seed, args.limit)
    with Progress("rehearsals", None, shown=args.json != "-") as bar:
        found = capacity_of(cell, args.attainment, tolerance=args.tolerance, progress=bar.advance)
    if args.json != "-":
        show(found)
    if args.json:
        _write(args.json, found.to_json())
    return 0 if found.rate is not None else 1


def _report(args: argparse.Namespace, found: Rehearsed) -> None:
    if args.json != "-":
        from doubletime.lab.table import show

        show(found.result)
    if args.json:
        _write(args.json, found.result)


def _write(where: str, data: dict[str, Any]) -> None:
    if where == "-":
        print(json.dumps(data))
    else:
        Path(where).write_text(json.dumps(data, indent=1) + "\n")
