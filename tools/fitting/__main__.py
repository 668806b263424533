"""`python -m tools.fitting --data ../shared/data/profiles [MACHINE …] [--op OPERATOR …]`: fits what ships.

Writes src/doubletime/hardware/data/MACHINE/STEM.json and prints the errors on held-out measurements. An operator is a
module here with `fit(data, machine) -> {stem: JSON}`; it returns nothing for a machine without measurements.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from doubletime.hardware.specs import SPECS

OPERATORS = ("linear", "elementwise", "collective", "attention", "experts")
OUT = Path(__file__).parents[2] / "src" / "doubletime" / "hardware" / "data"


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    if not args.data.is_dir():
        print(f"{args.data} is no folder: give --data the folder of measured profiles", file=sys.stderr)
        return 1
    unknown = [name for name in args.machines if name not in SPECS]
    if unknown:
        print(f"no machine {unknown[0]!r}; known: {', '.join(SPECS)}", file=sys.stderr)
        return 1
    for machine in args.machines or SPECS:
        for operator in args.op or OPERATORS:
            fitted = importlib.import_module(f"tools.fitting.{operator}").fit(args.data, machine)
            for stem, data in sorted(fitted.items()):
                write(args.out / machine / f"{stem}.json", data)
                print(line(machine, stem, data), flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tools.fitting", description="Fits the cost model from measured tables.")
    parser.add_argument("machines", nargs="*", metavar="MACHINE", help=f"of {', '.join(SPECS)} (default: all)")
    parser.add_argument("--data", type=Path, required=True, help="the folder of measured profiles")
    parser.add_argument("--op", action="append", choices=OPERATORS, help="only this operator; may be repeated")
    parser.add_argument("--out", type=Path, default=OUT, help="where the fits go (default: into the package)")
    return parser


def write(path: Path, data: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, separators=(",", ":")) + "\n")


def line(machine: str, stem: str, data: dict[str, Any]) -> str:
    about = data["about"]
    errors = "  ".join(f"{name} {error:6.1%}" for name, error in about["held_out"].items())
    return f"{machine:11}{stem:20}{about['rows']:7} rows  {errors}"


if __name__ == "__main__":
    sys.exit(main())
