"""`doubletime replay`: runs a recording again and checks it."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recording", metavar="FILE", help="written by --record")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """0 if every plan came out the same, 1 if not."""
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
