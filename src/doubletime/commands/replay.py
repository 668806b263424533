"""`doubletime replay`: runs a recording again and checks it, or asks what another policy would have made of it."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from doubletime.commands.rehearsal_options import slo
from doubletime.core.vocabulary import SLO


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recording", metavar="FILE", help="written by --record")
    parser.add_argument("--policy", help="serve the same requests under this policy instead, in virtual time")
    parser.add_argument("--slo", type=slo, default=SLO(), metavar="ttft=S,tpot=S", help="with --policy: asked of all")
    parser.add_argument("--seed", type=int, default=0, help="with --policy: of the scatter of step times")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """0 if every plan came out the same, 1 if not. With `--policy`: 1 if not a single request was completed."""
    if args.policy:
        return _what_if(args)
    if args.slo != SLO() or args.seed:
        raise ValueError("--slo and --seed go with --policy: a recording that is only checked draws nothing")
    return _check(args)


def _what_if(args: argparse.Namespace) -> int:
    from doubletime.lab.whatif import what_if

    found = what_if(Path(args.recording), args.policy, slo=args.slo, seed=args.seed)
    if args.json:
        print(json.dumps(found))
    else:
        from doubletime.lab.table import show

        show(found)
    return 0 if found["requests"]["completed"] else 1


def _check(args: argparse.Namespace) -> int:
    from doubletime.lab.replay import ReplayMismatch, replay

    try:
        with open(args.recording, encoding="utf-8") as lines:
            report = replay(lines)
    except ReplayMismatch as mismatch:
        print(f"doubletime replay: {args.recording}: {mismatch}", file=sys.stderr)
        return 1
    numbers = {name: value for name, value in asdict(report).items() if name != "header"}
    if args.json:
        print(json.dumps({"policy": report.header.policy, "version": report.header.version} | numbers))
    else:
        print(f"{args.recording}: every plan is the same (policy {report.header.policy})")
        print("\n".join(f"  {name.replace('_', ' '):16}{value}" for name, value in numbers.items()))
    return 0
